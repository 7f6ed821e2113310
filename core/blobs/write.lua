-- Store a blob and the time of the write.
-- KEYS  1 blob, 2 sorted set of write times
-- ARGV  1 digest, 2 bytes
local time = redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], time[1] + time[2] / 1e6, ARGV[1])
