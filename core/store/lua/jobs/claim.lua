#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/schema"
--- @include "lib/queue/next"
--- @include "lib/events"
--- @include "lib/set_status"
-- queued -> running: begin an attempt with a lease.
-- ARGV  1 duration of the lease in seconds, 2 random token of this claim, 3 memory of the worker in
--       bytes and 4 its precision, each empty if it is not known, 5 ids of the jobs that it avoids,
--       6 id of the job; empty for the job that goes next
-- Returns the record, or nil if no job can be claimed.
local made = redis.call('GET', CLAIM_PREFIX .. ARGV[2])
if made then
  local record = redis.call('HMGET', JOB_PREFIX .. made, 'status', 'claim')
  if record[1] == STATUS_RUNNING and record[2] == ARGV[2] then
    return redis.call('HGETALL', JOB_PREFIX .. made)  -- the reply to the first try was lost
  end
end
local id, lane, caller, passed = ARGV[6], nil, nil, {}
if id == '' then
  if redis.call('EXISTS', QUEUE_PAUSED) == 1 then
    return false
  end
  id, lane, caller, passed = next_job(ARGV[3], ARGV[4], ARGV[5])
  if not id then
    return false
  end
else
  local refused = refuse_newer(JOB_PREFIX .. id)
  if refused or redis.call('HGET', JOB_PREFIX .. id, 'status') ~= STATUS_QUEUED then
    return refused or false
  end
  lane, caller = lane_of(JOB_PREFIX .. id)
end
local key, time = JOB_PREFIX .. id, now()
serve(lane, caller, id, passed)
set_status(key, id, STATUS_RUNNING)
redis.call('HSET', key, 'claim', ARGV[2], 'claimed_at', timestamp(time))
redis.call('HSETNX', key, 'started_at', timestamp(time))
redis.call('HINCRBY', key, 'attempt', 1)
redis.call('ZADD', JOBS_RUNNING, time + ARGV[1], id)
redis.call('SET', CLAIM_PREFIX .. ARGV[2], id, 'EX', math.ceil(ARGV[1]))
emit_event(id, EVENT_STARTED)
return redis.call('HGETALL', key)
