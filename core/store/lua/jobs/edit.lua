--- @include "lib/time"
--- @include "lib/schema"
--- @include "lib/queue/turns"
--- @include "lib/events"
-- Change the parameters of an unfinished job, or ask it to finish. A draft that rests is queued,
-- and then has a new `queued_at`.
-- KEYS  1 job record
-- ARGV  1 job id, 2 its revision, attempt and edits as they were read, joined by spaces,
--       3 ... fields and values, alternating
-- Returns the record; `changed` if the job has changed since it was read; `closed` if it takes no
-- more edits; or nil if there is no such job.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
local record = redis.call('HMGET', KEYS[1], 'status', 'revision', 'attempt', 'edits', 'closed',
                          'draft')
if not record[1] then
  return false
end
if not UNFINISHED_STATUSES[record[1]] or record[5] then
  return 'closed'
end
local read = (record[2] or '0') .. ' ' .. (record[3] or '0') .. ' ' .. (record[4] or '[]')
if read ~= ARGV[2] then
  return 'changed'
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('HINCRBY', KEYS[1], 'revision', 1)
if record[6] and record[1] == STATUS_QUEUED then
  redis.call('HSET', KEYS[1], 'edits', '[]')
  if not redis.call('ZSCORE', JOBS_QUEUED, ARGV[1]) then
    redis.call('HSET', KEYS[1], 'queued_at', timestamp(now()))
    enqueue(KEYS[1], ARGV[1])
  end
end
emit_event(ARGV[1], EVENT_EDITED)
return redis.call('HGETALL', KEYS[1])
