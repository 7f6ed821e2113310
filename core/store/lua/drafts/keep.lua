--- @include "lib/time"
--- @include "lib/schema"
--- @include "lib/indexes"
--- @include "lib/queue/turns"
--- @include "lib/events"
-- Make a draft a job like others, which ends with its picture. Another job does not change.
-- KEYS  1 job record
-- ARGV  1 job id, 2 how long its files are kept after its end, in seconds
-- Returns the record, or nil if there is no such job.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
local record = redis.call('HMGET', KEYS[1], 'status', 'draft', 'owner')
if not record[1] then
  return false
end
if record[2] and UNFINISHED_STATUSES[record[1]] then
  leave_queue(KEYS[1], ARGV[1])
  redis.call('ZREM', DRAFTS, ARGV[1])
  redis.call('HDEL', KEYS[1], 'draft', 'progress')
  redis.call('HSET', KEYS[1], 'retention_seconds', ARGV[2])
  redis.call('ZREM', owned_drafts_key(record[1], record[3] or ANONYMOUS), ARGV[1])
  redis.call('ZADD', owned_key(record[1], record[3] or ANONYMOUS), 0, ARGV[1])
  if record[1] == STATUS_QUEUED then
    redis.call('HSET', KEYS[1], 'edits', '[]', 'queued_at', timestamp(now()))
    enqueue(KEYS[1], ARGV[1])
  end
  emit_event(ARGV[1], EVENT_EDITED)
end
return redis.call('HGETALL', KEYS[1])
