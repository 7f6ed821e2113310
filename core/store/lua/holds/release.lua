#!lua flags=allow-oom
--- @include "lib/holds"
-- Release blobs that a job held, and begin to remove those that no other job holds.
-- ARGV  1 milliseconds after which jobs can hold them in any case, 2 token of the removal,
--       3 job id, 4 ... digests
-- Returns the digests to remove, without those that another process is removing.
local unheld = {}
for i = 4, #ARGV do
  local digest = ARGV[i]
  redis.call('ZREM', HELD, digest .. ':' .. ARGV[3])
  local from, to = holder_range(digest)
  if #redis.call('ZRANGE', HELD, from, to, 'BYLEX', 'LIMIT', 0, 1) == 0
      and redis.call('SET', LEAVING_PREFIX .. digest, ARGV[2], 'PX', ARGV[1], 'NX') then
    table.insert(unheld, digest)
  end
end
return unheld
