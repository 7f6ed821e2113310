-- Which blobs no job needs. From now on none can hold them, until they are removed.
-- KEYS  1 what is held
-- ARGV  1 milliseconds after which they can in any case, 2 a job that needs them no more,
--       then digests
-- Gives those of the digests.
local unheld = {}
for at = 3, #ARGV do
  local digest = ARGV[at]
  redis.call('ZREM', KEYS[1], digest .. ':' .. ARGV[2])
  local holders = redis.call('ZRANGE', KEYS[1], '[' .. digest .. ':', '(' .. digest .. ';',
                             'BYLEX', 'LIMIT', 0, 1)
  if #holders == 0 then
    redis.call('SET', 'easel:leaving:' .. digest, 1, 'PX', ARGV[1])
    table.insert(unheld, digest)
  end
end
return unheld
