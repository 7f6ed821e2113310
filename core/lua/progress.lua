-- Write the progress of a running job.
-- KEYS  1 job
-- ARGV  1 attempt, 2 progress
-- Gives 1, or 0 when the attempt no longer owns the job.
local held = redis.call('HMGET', KEYS[1], 'status', 'attempt')
if held[1] ~= 'running' or held[2] ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
return 1
