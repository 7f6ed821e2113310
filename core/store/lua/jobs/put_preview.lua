--- @include "lib/events"
--- @include "lib/owner"
-- Store the newest preview of a running job.
-- KEYS  1 job record, 2 preview
-- ARGV  1 job id, 2 owner (lib/owner), 3 version, 4 the picture, 5 its lifetime in seconds
-- Returns the newest version, or nil if the attempt no longer owns the job.
local record = redis.call('HMGET', KEYS[1], 'status', 'preview_version')
if record[1] ~= STATUS_RUNNING or owner_of(KEYS[1]) ~= ARGV[2] then
  return false
end
if tonumber(record[2] or '0') >= tonumber(ARGV[3]) then
  return record[2]  -- the reply to the first try was lost
end
redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5])
redis.call('HSET', KEYS[1], 'preview_version', ARGV[3])
emit_event(ARGV[1], EVENT_PREVIEW)
return ARGV[3]
