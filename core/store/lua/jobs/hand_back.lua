-- running -> queued, by the attempt that owns it, which then does not count.
-- KEYS  1 job, 2 jobs queued, 3 jobs running by the end of their lease
-- ARGV  1 job id, 2 attempt, then field and value by turns
-- Gives the new status, or nothing when the attempt no longer owns the job.
local held = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'created_at',
                        'cancel_requested_at')
if held[1] ~= 'running' or held[2] ~= ARGV[2] then
  return false
end
redis.call('ZREM', KEYS[3], ARGV[1])
if held[4] then
  local time = redis.call('TIME')
  set_status(KEYS[1], ARGV[1], 'canceled')
  redis.call('HSET', KEYS[1], 'finished_at', string.format('%.6f', time[1] + time[2] / 1e6))
  redis.call('HDEL', KEYS[1], 'checkpoint', 'result', 'metrics', 'preview')
  tell(ARGV[1], 'canceled')
  return 'canceled'
end
set_status(KEYS[1], ARGV[1], 'queued')
if #ARGV > 2 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
end
-- The number of the attempt fences its writes off, so it never goes down again.
redis.call('HINCRBY', KEYS[1], 'handed_back', 1)
redis.call('ZADD', KEYS[2], held[3], ARGV[1])
tell(ARGV[1], 'queued')
return 'queued'
