-- Call a job off: at once while it is queued, at its next step while it runs.
-- KEYS  1 job, 2 jobs queued
-- ARGV  1 job id
-- Gives the record, or nothing when there is no such job.
local refused = refusal(KEYS[1])
if refused then
  return refused
end
local status = redis.call('HGET', KEYS[1], 'status')
if not status then
  return false
end
local time = redis.call('TIME')
local now = string.format('%.6f', time[1] + time[2] / 1e6)
if status == 'queued' then
  set_status(KEYS[1], ARGV[1], 'canceled')
  redis.call('HSET', KEYS[1], 'finished_at', now)
  redis.call('HDEL', KEYS[1], 'checkpoint', 'result', 'metrics', 'preview')
  redis.call('ZREM', KEYS[2], ARGV[1])
  tell(ARGV[1], 'canceled')
elseif status == 'running' then
  redis.call('HSETNX', KEYS[1], 'cancel_requested_at', now)
end
return redis.call('HGETALL', KEYS[1])
