--- @include "lib/time"
--- @include "lib/holds"
--- @include "lib/bytes"
--- @include "lib/queue/turns"
--- @include "lib/events"
--- @include "lib/set_status"
-- New jobs.

-- Create a queued job. `fields` alternates the fields and values of its record.
local function add_job(key, id, caller, fields)
  redis.call('HSET', key, 'attempt', 0, 'caller', caller, 'created_at', timestamp(now()),
             unpack(fields))
  set_status(key, id, STATUS_QUEUED)
  hold_blobs_of_fields(id, fields, 1)
  count_bytes(key, id)
  enqueue(key, id)
end

-- Remember for which job or batch an idempotency key was used.
local function keep_idempotency(entry, key, id, request, seconds)
  redis.call('HSET', entry, 'job', id, 'request', request)
  redis.call('EXPIRE', entry, seconds)
  redis.call('HSET', key, 'idempotency', entry)
end
