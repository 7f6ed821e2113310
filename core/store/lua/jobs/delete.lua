#!lua flags=allow-oom
--- @include "lib/schema"
--- @include "lib/removal"
-- Remove a job in any status. Later writes of a worker that runs it are refused.
-- KEYS  1 job record
-- ARGV  1 job id
-- Returns the digests in its record, or nil if there is no such job.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
return remove_job(KEYS[1], ARGV[1])
