#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/schema"
--- @include "lib/events"
--- @include "lib/set_status"
-- queued -> running: begin an attempt with a lease.
-- KEYS  1 job record
-- ARGV  1 job id, 2 duration of the lease in seconds, 3 random token of this claim
-- Returns the record, or nil if the job is not queued.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
local record = redis.call('HMGET', KEYS[1], 'status', 'claim')
if record[1] == STATUS_RUNNING and record[2] == ARGV[3] then
  return redis.call('HGETALL', KEYS[1])  -- the reply to the first try was lost
end
if record[1] ~= STATUS_QUEUED then
  return false
end
local time = now()
set_status(KEYS[1], ARGV[1], STATUS_RUNNING)
redis.call('HSET', KEYS[1], 'claim', ARGV[3])
redis.call('HSETNX', KEYS[1], 'started_at', timestamp(time))
redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('ZREM', JOBS_QUEUED, ARGV[1])
redis.call('ZADD', JOBS_RUNNING, time + ARGV[2], ARGV[1])
emit_event(ARGV[1], EVENT_STARTED)
return redis.call('HGETALL', KEYS[1])
