-- Renew the lease of a running job, write what is new, and read whether to go on.
-- KEYS  1 job, 2 jobs running by the end of their lease
-- ARGV  1 job id, 2 attempt, 3 seconds of the lease, then field and value by turns
-- Gives 'go_on' or 'cancel', or nothing when the attempt no longer owns the job.
local held = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'cancel_requested_at')
if held[1] ~= 'running' or held[2] ~= ARGV[2] then
  return false
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] + time[2] / 1e6 + ARGV[3], ARGV[1])
if #ARGV > 3 then
  local before = redis.call('HGET', KEYS[1], 'progress')
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
  hold_fields(ARGV[1], ARGV, 4)
  if redis.call('HGET', KEYS[1], 'progress') ~= before then
    tell(ARGV[1], 'progress')
  end
end
return held[3] and 'cancel' or 'go_on'
