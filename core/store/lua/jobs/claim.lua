-- queued -> running: count the attempt, take the lease.
-- KEYS  1 job, 2 jobs queued, 3 jobs running by the end of their lease
-- ARGV  1 job id, 2 seconds of the lease, 3 a word that only this claim knows
-- Gives the record, or nothing when the job is not queued.
local refused = refusal(KEYS[1])
if refused then
  return refused
end
local held = redis.call('HMGET', KEYS[1], 'status', 'claim')
if held[1] == 'running' and held[2] == ARGV[3] then
  return redis.call('HGETALL', KEYS[1])  -- the answer to the first try was lost on its way
end
if held[1] ~= 'queued' then
  return false
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
set_status(KEYS[1], ARGV[1], 'running')
redis.call('HSET', KEYS[1], 'claim', ARGV[3])
redis.call('HSETNX', KEYS[1], 'started_at', string.format('%.6f', now))
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
tell(ARGV[1], 'started')
return redis.call('HGETALL', KEYS[1])
