--- @include "lib/time"
--- @include "lib/webhooks"
-- Batches (core/jobs/batch.py): a record, and the set of the jobs.

-- Write an event of a batch. Its stream keeps only the newest one, which is all that a client needs.
local function emit_batch_event(id, name)
  local event_id = redis.call('XADD', ALL_EVENTS, 'MAXLEN', '~', ALL_EVENTS_LENGTH, '*',
                              'job', id, 'event', name)
  redis.call('XADD', EVENTS_PREFIX .. id, 'MAXLEN', 1, event_id, 'event', name)
  redis.call('HSET', BATCH_PREFIX .. id, 'event', event_id)
end

-- Note that a job of a batch has another status or is gone. `ended` says whether it was unfinished
-- and is not any more. The last one finishes the batch: its record then expires with theirs.
local function batch_changed(id, ended)
  local key = BATCH_PREFIX .. id
  if redis.call('EXISTS', key) == 0 then
    return
  end
  if not ended or redis.call('HINCRBY', key, 'unfinished', -1) > 0 then
    emit_batch_event(id, EVENT_CHANGED)
    return
  end
  redis.call('HSET', key, 'finished_at', timestamp(now()))
  add_delivery(key, id, WEBHOOK_BATCH_FINISHED)
  emit_batch_event(id, EVENT_FINISHED)
  -- How long the record is kept after its end.
  local kept = tonumber(redis.call('HGET', key, 'kept_seconds')
                        or RETENTION_SECONDS + TOMBSTONE_SECONDS)
  for _, each in ipairs({key, BATCH_JOBS_PREFIX .. id, EVENTS_PREFIX .. id}) do
    redis.call('EXPIRE', each, math.ceil(kept))
  end
end
