#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/holds"
--- @include "lib/bytes"
--- @include "lib/events"
--- @include "lib/losses"
--- @include "lib/owner"
-- Renew the lease of a running job and write changed fields.
-- KEYS  1 job record
-- ARGV  1 job id, 2 owner (lib/owner), 3 duration of the lease in seconds, 4 ... fields and values,
--       alternating
-- Returns `cancel`, `edits` if some wait to be taken, or `continue`; or nil if the attempt no longer
-- owns the job.
local record = redis.call('HMGET', KEYS[1], 'status', 'cancel_requested_at', 'progress', 'edits')
if record[1] ~= STATUS_RUNNING or owner_of(KEYS[1]) ~= ARGV[2] then
  return false
end
redis.call('ZADD', JOBS_RUNNING, now() + ARGV[3], ARGV[1])
if #ARGV > 3 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
  hold_blobs_of_fields(ARGV[1], ARGV, 4)
  count_bytes_of_fields(KEYS[1], ARGV[1], ARGV, 4)
  local progress = redis.call('HGET', KEYS[1], 'progress')
  if progress ~= record[3] then
    keep_losses(ARGV[1], progress)
    emit_event(ARGV[1], EVENT_PROGRESS)
  end
end
local waits = record[4] and record[4]:find('"step":null', 1, true)
return record[2] and 'cancel' or waits and 'edits' or 'continue'
