#!lua flags=allow-oom
--- @include "lib/schema"
--- @include "lib/jobs/cancel"
-- Cancel a job: at once if it is queued, at its next step if it is running.
-- KEYS  1 job record
-- ARGV  1 job id
-- Returns the record, or nil if there is no such job.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
return cancel_job(KEYS[1], ARGV[1]) and redis.call('HGETALL', KEYS[1])
