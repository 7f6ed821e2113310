-- Begin to remove a blob: from now on no job can hold it, until it is removed.
-- KEYS  1 what is held
-- ARGV  1 milliseconds after which they can in any case, 2 digest
-- Gives the jobs that hold it already.
redis.call('SET', 'easel:leaving:' .. ARGV[2], 1, 'PX', ARGV[1])
local holders = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[2] .. ':', '(' .. ARGV[2] .. ';', 'BYLEX')
for at, holder in ipairs(holders) do
  holders[at] = holder:sub(#ARGV[2] + 2)
end
return holders
