#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/bytes"
--- @include "lib/losses"
--- @include "lib/queue/turns"
--- @include "lib/events"
--- @include "lib/owner"
--- @include "lib/set_status"
-- Let the worker of a draft paint it anew if it was changed. If not, a painted draft rests: it is
-- queued, and no worker takes it. A job that is no draft any more waits for a worker once it is
-- painted or changed. It is painted as a job then, so an edit to finish has no effect.
-- KEYS  1 job record
-- ARGV  1 job id, 2 owner (lib/owner), 3 the progress of a draft that is painted, or empty,
--       4 the revision that is painted
-- Returns `paint`, the new parameters and their revision; `rest`; `is` and the status; or nil if
-- the attempt no longer owns the job.
local record = redis.call('HMGET', KEYS[1], 'status', 'edits', 'draft', 'params',
                          'cancel_requested_at', 'revision')
if record[1] ~= STATUS_RUNNING or owner_of(KEYS[1]) ~= ARGV[2] then
  return false
end
local revision = record[6] or '0'
-- The reply to a first try, which has taken the edits, may be lost.
local changed = (record[2] or '[]') ~= '[]' or revision ~= ARGV[4]
if changed then
  redis.call('HSET', KEYS[1], 'edits', '[]')
  redis.call('DEL', LOSSES_PREFIX .. ARGV[1])
  if record[3] then
    emit_event(ARGV[1], EVENT_EDITED)
    return {'paint', record[4], revision}
  end
elseif ARGV[3] == '' then
  return {'is', STATUS_RUNNING}
end
redis.call('ZREM', JOBS_RUNNING, ARGV[1])
if record[5] then
  finish(KEYS[1], ARGV[1], STATUS_CANCELED, now())
  emit_event(ARGV[1], EVENT_CANCELED)
  return {'is', STATUS_CANCELED}
end
set_status(KEYS[1], ARGV[1], STATUS_QUEUED)
redis.call('HDEL', KEYS[1], 'started_at')
redis.call('HINCRBY', KEYS[1], 'handed_back', 1)
if record[3] then
  redis.call('HSET', KEYS[1], 'progress', ARGV[3])
  keep_losses(ARGV[1], ARGV[3])
else
  redis.call('HDEL', KEYS[1], 'progress')
  enqueue(KEYS[1], ARGV[1])
end
emit_event(ARGV[1], EVENT_QUEUED)
return record[3] and {'rest'} or {'is', STATUS_QUEUED}
