--- @include "lib/load"
--- @include "lib/jobs/add"
--- @include "lib/jobs/drafts"
-- Create a queued job, unless there is no room for it or its idempotency key has a job already.
-- KEYS  1 job record, 2 entry of the idempotency key, if there is one
-- ARGV  1 job id, 2 caller, 3 maximum of queued jobs, 4 maximum of the caller's unfinished jobs,
--       5 maximum of the bytes of the caller's files, 6 bytes of the new job's files,
--       7 hash of the request, 8 lifetime of the idempotency key in seconds,
--       9 ... fields and values, alternating
-- Returns the load (see current_load), a record, and the outcome: `created`; `replayed`, with the
-- record of the existing job; or, without a record, `different` if the idempotency key belongs to
-- another request, and `full` if there is no room.
local load = current_load(ARGV[2], ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {load, redis.call('HGETALL', KEYS[1]), 'created'}  -- the reply to the first try was lost
end
local existing = KEYS[2] and redis.call('HMGET', KEYS[2], 'job', 'request')
if existing and existing[1] then
  if existing[2] ~= ARGV[7] then
    return {load, false, 'different'}
  end
  local key = JOB_PREFIX .. existing[1]
  redis.call('HSET', key, 'replayed', 1)
  return {load, redis.call('HGETALL', key), 'replayed'}
end
if load[1] >= tonumber(ARGV[3]) or load[2] >= tonumber(ARGV[4])
    or load[4] + tonumber(ARGV[6]) > tonumber(ARGV[5]) then
  return {load, false, 'full'}
end
add_job(KEYS[1], ARGV[1], ARGV[2], {unpack(ARGV, 9)})
add_draft(KEYS[1], ARGV[1])
if KEYS[2] then
  keep_idempotency(KEYS[2], KEYS[1], ARGV[1], ARGV[7], ARGV[8])
end
emit_event(ARGV[1], EVENT_QUEUED)
return {load, redis.call('HGETALL', KEYS[1]), 'created'}
