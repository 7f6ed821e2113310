-- queued -> running: count the attempt, and stamp the start.
-- KEYS  1 job, 2 jobs queued, 3 jobs running
-- ARGV  1 job id
-- Gives the record, or nothing when the job is not queued.
if redis.call('HGET', KEYS[1], 'status') ~= 'queued' then
  return false
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('HSET', KEYS[1], 'status', 'running', 'started_at', string.format('%.6f', now))
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
return redis.call('HGETALL', KEYS[1])
