#!lua flags=allow-oom
--- @include "lib/holds"
-- Begin to remove a blob: no job can hold it until it is removed.
-- ARGV  1 milliseconds after which jobs can hold it in any case, 2 token of the removal, 3 digest
-- Returns the jobs that hold it already; nil if another process is removing it.
if not redis.call('SET', LEAVING_PREFIX .. ARGV[3], ARGV[2], 'PX', ARGV[1], 'NX') then
  return false
end
local from, to = holder_range(ARGV[3])
local holders = redis.call('ZRANGE', HELD, from, to, 'BYLEX')
for i, entry in ipairs(holders) do
  holders[i] = entry:sub(#ARGV[3] + 2)
end
return holders
