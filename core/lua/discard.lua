-- Remove a job that is still queued.
-- KEYS  1 job, 2 jobs queued
-- ARGV  1 job id
if redis.call('HGET', KEYS[1], 'status') ~= 'queued' then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
return forget(ARGV[1])
