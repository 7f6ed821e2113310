#!lua flags=allow-oom
--- @include "lib/time"
-- Record a heartbeat of a worker, and remove the workers without a recent one.
-- ARGV  1 worker id, 2 its description, 3 seconds after which a silent worker is removed
local time = now()
for _, id in ipairs(redis.call('ZRANGE', WORKERS_SEEN, '-inf', time - ARGV[3], 'BYSCORE')) do
  redis.call('ZREM', WORKERS_SEEN, id)
  redis.call('HDEL', WORKERS_INFO, id)
end
redis.call('ZADD', WORKERS_SEEN, timestamp(time), ARGV[1])
redis.call('HSET', WORKERS_INFO, ARGV[1], ARGV[2])
redis.call('SET', WORKERS_LAST_SEEN, timestamp(time))
