-- running -> a final state, and stamp the end. What was called off ends canceled.
-- KEYS  1 job, 2 jobs running by the end of their lease, 3 run seconds
-- ARGV  1 job id, 2 attempt, 3 the final status, then field and value by turns
-- Gives the final status, or nothing when the attempt no longer owns the job.
local held = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'cancel_requested_at')
local status = held[3] and 'canceled' or ARGV[3]
if held[1] == status and held[2] == ARGV[2] then
  return status  -- the answer to the first try was lost on its way; nothing is left to do
end
if held[1] ~= 'running' or held[2] ~= ARGV[2] then
  return false
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('HDEL', KEYS[1], 'checkpoint', 'result', 'metrics', 'preview')
if status == ARGV[3] and #ARGV > 3 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
  hold_fields(ARGV[1], ARGV, 4)
end
set_status(KEYS[1], ARGV[1], status)
redis.call('HSET', KEYS[1], 'finished_at', string.format('%.6f', now))
redis.call('ZREM', KEYS[2], ARGV[1])
tell(ARGV[1], status)
if status == 'succeeded' then
  redis.call('DEL', 'easel:preview:' .. ARGV[1])  -- the finished picture has one of its own
  -- A moving average of what a run takes, for estimates.
  local took = now - tonumber(redis.call('HGET', KEYS[1], 'started_at'))
  local mean = tonumber(redis.call('GET', KEYS[3]) or took)
  redis.call('SET', KEYS[3], string.format('%.6f', mean + (took - mean) / 10))
end
return status
