#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/holds"
--- @include "lib/bytes"
--- @include "lib/indexes"
--- @include "lib/events"
--- @include "lib/losses"
--- @include "lib/owner"
--- @include "lib/set_status"
-- running -> a final status. A job whose cancellation was requested ends as canceled.
-- KEYS  1 job record
-- ARGV  1 job id, 2 owner (lib/owner), 3 the final status, 4 ... fields and values, alternating
-- Returns the final status, or nil if the attempt no longer owns the job.
local function average(field, value)
  local mean = tonumber(redis.call('HGET', PACE, field) or value)
  redis.call('HSET', PACE, field, string.format('%.6f', mean + (value - mean) / 10))
end

local record = redis.call('HMGET', KEYS[1], 'status', 'cancel_requested_at', 'attempt')
local status = record[2] and STATUS_CANCELED or ARGV[3]
if record[1] == status and owner_of(KEYS[1]) == ARGV[2] then
  return status  -- the reply to the first try was lost
end
if record[1] ~= STATUS_RUNNING or owner_of(KEYS[1]) ~= ARGV[2] then
  return false
end
local time = now()
finish(KEYS[1], ARGV[1], status, time)
if status == ARGV[3] and #ARGV > 3 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
  hold_blobs_of_fields(ARGV[1], ARGV, 4)
  count_bytes_of_fields(KEYS[1], ARGV[1], ARGV, 4)
  local progress = redis.call('HGET', KEYS[1], 'progress')
  if progress then
    keep_losses(ARGV[1], progress)
  end
end
if status == STATUS_FAILED then
  index_error(KEYS[1], ARGV[1])
end
redis.call('ZREM', JOBS_RUNNING, ARGV[1])
emit_event(ARGV[1], STATUS_EVENTS[status])
if status == STATUS_SUCCEEDED then
  redis.call('DEL', PREVIEW_PREFIX .. ARGV[1])  -- the result has a preview of its own
  local seconds = time - tonumber(redis.call('HGET', KEYS[1], 'started_at'))
  local mean = tonumber(redis.call('GET', RUN_SECONDS) or seconds)
  redis.call('SET', RUN_SECONDS, string.format('%.6f', mean + (seconds - mean) / 10))
  local job = redis.call('HMGET', KEYS[1], 'work', 'params', 'progress', 'edits')
  -- Only the work of a single attempt that was cut short neither by a time limit nor by its caller.
  local finished_early = (job[4] or ''):find('"finish":true', 1, true)
  if job[1] and job[3] and record[3] == '1' and not finished_early
      and cjson.decode(job[3]).fraction == 1 then
    local precision = cjson.decode(job[2]).precision
    average('seconds:any', seconds)
    average('work:any', job[1])
    average('seconds:' .. precision, seconds)
    average('work:' .. precision, job[1])
  end
end
return status
