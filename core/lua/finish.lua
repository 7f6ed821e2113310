-- running -> succeeded or failed, and stamp the end.
-- KEYS  1 job, 2 jobs running, 3 run seconds
-- ARGV  1 job id, 2 attempt, 3 the final status, then field and value by turns
-- Gives 1, or 0 when the attempt no longer owns the job.
local held = redis.call('HMGET', KEYS[1], 'status', 'attempt')
if held[1] == ARGV[3] and held[2] == ARGV[2] then
  return 1  -- the answer to the first try was lost on its way; nothing is left to do
end
if held[1] ~= 'running' or held[2] ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('HSET', KEYS[1], 'status', ARGV[3],
           'finished_at', string.format('%.6f', now), unpack(ARGV, 4))
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[3] == 'succeeded' then
  -- A moving average of what a run takes, for estimates.
  local took = now - tonumber(redis.call('HGET', KEYS[1], 'started_at'))
  local mean = tonumber(redis.call('GET', KEYS[3]) or took)
  redis.call('SET', KEYS[3], string.format('%.6f', mean + (took - mean) / 10))
end
return 1
