#!lua flags=allow-oom
--- @include "lib/removal"
-- Remove a job that is still queued and was not returned to a repeated request.
-- KEYS  1 job record
-- ARGV  1 job id
-- Returns the digests in its record.
local record = redis.call('HMGET', KEYS[1], 'status', 'replayed')
if record[1] ~= STATUS_QUEUED or record[2] then
  return {}
end
return remove_job(KEYS[1], ARGV[1])
