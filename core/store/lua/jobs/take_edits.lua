#!lua flags=allow-oom
--- @include "lib/events"
--- @include "lib/owner"
-- Let a running job take the edits that wait, or close it to further ones after its last step.
-- KEYS  1 job record
-- ARGV  1 job id, 2 owner (lib/owner), 3 the steps made, 4 whether that was the last step: 1 or 0
-- Returns all edits as JSON, or nil if the attempt no longer owns the job.
local record = redis.call('HMGET', KEYS[1], 'status', 'edits')
if record[1] ~= STATUS_RUNNING or owner_of(KEYS[1]) ~= ARGV[2] then
  return false
end
local edits, taken = (record[2] or '[]'):gsub('"step":null', '"step":' .. ARGV[3])
if taken > 0 then
  redis.call('HSET', KEYS[1], 'edits', edits)
  emit_event(ARGV[1], EVENT_EDITED)
elseif ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'closed', 1)
end
return edits
