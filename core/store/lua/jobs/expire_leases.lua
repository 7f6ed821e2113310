#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/schema"
--- @include "lib/queue/turns"
--- @include "lib/indexes"
--- @include "lib/events"
--- @include "lib/set_status"
-- End the attempts whose lease has expired. Every process may call this; one at a time does it.
-- ARGV  1 duration of a lease in seconds, 2 seconds between checks, 3 maximum of attempts,
--       4 error of a job without attempts left
-- Returns job ids and new statuses, alternating, and the ids of newer records and their schema
-- versions, alternating. Or nil if another process has just checked.
local time = now()
local since_last = time - tonumber(redis.call('GET', LEASES_CHECKED) or '0')
if since_last >= 0 and since_last < ARGV[2] / 2 then
  return false
end
redis.call('SET', LEASES_CHECKED, timestamp(time))

-- After a long gap this server was down or its clock was set. The workers could not renew their
-- leases either, so the leases mean nothing and are renewed here.
if since_last < 0 or since_last > ARGV[1] / 2 then
  for _, id in ipairs(redis.call('ZRANGE', JOBS_RUNNING, 0, -1)) do
    if not newer_schema(JOB_PREFIX .. id) then
      redis.call('ZADD', JOBS_RUNNING, time + ARGV[1], id)
    end
  end
  return {{}, {}}
end

local changed, newer = {}, {}
local function end_attempt(id, key)
  local record = redis.call('HMGET', key, 'status', 'attempt', 'handed_back',
                            'cancel_requested_at')
  redis.call('ZREM', JOBS_RUNNING, id)
  if record[1] ~= STATUS_RUNNING then
    return
  end
  local status = STATUS_QUEUED
  if record[4] then
    status = STATUS_CANCELED
  elseif record[2] - (record[3] or 0) >= tonumber(ARGV[3]) then
    status = STATUS_FAILED
    redis.call('HSET', key, 'error', ARGV[4])
    index_error(key, id)
  end
  if status == STATUS_QUEUED then
    set_status(key, id, status)
    enqueue(key, id)
  else
    finish(key, id, status, time)
  end
  emit_event(id, STATUS_EVENTS[status])
  table.insert(changed, id)
  table.insert(changed, status)
end

for _, id in ipairs(redis.call('ZRANGE', JOBS_RUNNING, '-inf', time, 'BYSCORE')) do
  local key = JOB_PREFIX .. id
  local schema = newer_schema(key)
  if schema then
    table.insert(newer, id)
    table.insert(newer, schema)
  else
    end_attempt(id, key)
  end
end
return {changed, newer}
