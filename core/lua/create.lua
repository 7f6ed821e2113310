-- Write a new job, queued.
-- KEYS  1 job, 2 jobs queued
-- ARGV  1 job id, then field and value by turns
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('HSET', KEYS[1], 'status', 'queued', 'attempt', 0,
           'created_at', string.format('%.6f', now), unpack(ARGV, 2))
redis.call('ZADD', KEYS[2], now, ARGV[1])
return redis.call('HGETALL', KEYS[1])
