#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/schema"
--- @include "lib/queue/turns"
--- @include "lib/events"
--- @include "lib/set_status"
-- Cancel a job: at once if it is queued, at its next step if it is running.
-- KEYS  1 job record
-- ARGV  1 job id
-- Returns the record, or nil if there is no such job.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
local status = redis.call('HGET', KEYS[1], 'status')
if not status then
  return false
end
if status == STATUS_QUEUED then
  leave_queue(KEYS[1], ARGV[1])
  finish(KEYS[1], ARGV[1], STATUS_CANCELED, now())
  emit_event(ARGV[1], EVENT_CANCELED)
elseif status == STATUS_RUNNING then
  redis.call('HSETNX', KEYS[1], 'cancel_requested_at', timestamp(now()))
end
return redis.call('HGETALL', KEYS[1])
