--- @include "lib/time"
--- @include "lib/queue/turns"
--- @include "lib/events"
--- @include "lib/set_status"
-- Cancelation.

-- Cancel a job: at once if it is queued, at its next step if it is running. Returns whether there is
-- such a job.
local function cancel_job(key, id)
  local status = redis.call('HGET', key, 'status')
  if status == STATUS_QUEUED then
    leave_queue(key, id)
    finish(key, id, STATUS_CANCELED, now())
    emit_event(id, EVENT_CANCELED)
  elseif status == STATUS_RUNNING then
    redis.call('HSETNX', key, 'cancel_requested_at', timestamp(now()))
  end
  return status
end
