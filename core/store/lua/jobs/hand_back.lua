#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/bytes"
--- @include "lib/queue/turns"
--- @include "lib/events"
--- @include "lib/owner"
--- @include "lib/set_status"
-- running -> queued, by the attempt that owns the job and then does not count. A job whose
-- cancellation was requested ends as canceled.
-- KEYS  1 job record
-- ARGV  1 job id, 2 owner (lib/owner), 3 ... fields and values, alternating
-- Returns the new status, or nil if the attempt no longer owns the job.
local record = redis.call('HMGET', KEYS[1], 'status', 'cancel_requested_at')
if record[1] ~= STATUS_RUNNING or owner_of(KEYS[1]) ~= ARGV[2] then
  return false
end
redis.call('ZREM', JOBS_RUNNING, ARGV[1])
if record[2] then
  finish(KEYS[1], ARGV[1], STATUS_CANCELED, now())
  emit_event(ARGV[1], EVENT_CANCELED)
  return STATUS_CANCELED
end
set_status(KEYS[1], ARGV[1], STATUS_QUEUED)
if #ARGV > 2 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
  count_bytes_of_fields(KEYS[1], ARGV[1], ARGV, 3)
end
-- The attempt number fences off late writes, so it never decreases.
redis.call('HINCRBY', KEYS[1], 'handed_back', 1)
enqueue(KEYS[1], ARGV[1])
emit_event(ARGV[1], EVENT_QUEUED)
return STATUS_QUEUED
