#!lua flags=allow-oom
--- @include "lib/holds"
-- Release blobs that a job held, and begin to remove those that no other job holds.
-- ARGV  1 milliseconds after which jobs can hold them in any case, 2 job id, 3 ... digests
-- Returns the digests to remove.
local unheld = {}
for i = 3, #ARGV do
  local digest = ARGV[i]
  redis.call('ZREM', HELD, digest .. ':' .. ARGV[2])
  local from, to = holder_range(digest)
  if #redis.call('ZRANGE', HELD, from, to, 'BYLEX', 'LIMIT', 0, 1) == 0 then
    redis.call('SET', LEAVING_PREFIX .. digest, 1, 'PX', ARGV[1])
    table.insert(unheld, digest)
  end
end
return unheld
