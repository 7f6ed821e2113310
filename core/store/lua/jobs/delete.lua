-- Remove a job, whatever its state; a worker that runs it is refused from now on.
-- KEYS  1 job
-- ARGV  1 job id
-- Gives the digests that its record named, or nothing when there is no such job.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local refused = refusal(KEYS[1])
if refused then
  return refused
end
return forget(KEYS[1], ARGV[1])
