#!lua flags=allow-oom
--- @include "lib/holds"
-- Begin to remove a blob: no job can hold it until it is removed.
-- ARGV  1 milliseconds after which jobs can hold it in any case, 2 digest
-- Returns the jobs that hold it already.
redis.call('SET', LEAVING_PREFIX .. ARGV[2], 1, 'PX', ARGV[1])
local from, to = holder_range(ARGV[2])
local holders = redis.call('ZRANGE', HELD, from, to, 'BYLEX')
for i, entry in ipairs(holders) do
  holders[i] = entry:sub(#ARGV[2] + 2)
end
return holders
