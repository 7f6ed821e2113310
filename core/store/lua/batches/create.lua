--- @include "lib/load"
--- @include "lib/jobs/add"
-- Create a batch with all of its jobs, unless there is no room for them or its idempotency key has a
-- batch already.
-- KEYS  1 record of the batch, 2 entry of the idempotency key, if there is one
-- ARGV  1 batch id, 2 caller, 3 maximum of queued jobs, 4 maximum of the caller's unfinished jobs,
--       5 maximum of the bytes of the caller's files, 6 bytes of the files of all new jobs,
--       7 hash of the request, 8 lifetime of the idempotency key in seconds, 9 number of jobs,
--       10 ... the fields of the batch and then those of each job: how many texts follow, and
--       fields and values, alternating
-- Returns the load (see current_load), a batch id, and the outcome: `created`; `replayed`, with the
-- id of the existing batch; or, without an id, `different` if the idempotency key belongs to another
-- request, and `full` if there is no room.
local load = current_load(ARGV[2], ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {load, ARGV[1], 'created'}  -- the reply to the first try was lost
end
local existing = KEYS[2] and redis.call('HMGET', KEYS[2], 'job', 'request')
if existing and existing[1] then
  local same = existing[2] == ARGV[7]
  return {load, same and existing[1], same and 'replayed' or 'different'}
end
local count = tonumber(ARGV[9])
if load[1] + count > tonumber(ARGV[3]) or load[2] + count > tonumber(ARGV[4])
    or load[4] + tonumber(ARGV[6]) > tonumber(ARGV[5]) then
  return {load, false, 'full'}
end

local at = 10
local function next_fields()
  local first, last = at + 1, at + ARGV[at]
  at = last + 1
  return {unpack(ARGV, first, last)}
end

redis.call('HSET', KEYS[1], 'caller', ARGV[2], 'created_at', timestamp(now()), 'unfinished', count,
           unpack(next_fields()))
for _ = 1, count do
  local fields = next_fields()
  local id = fields[2]  -- the first field is the id
  add_job(JOB_PREFIX .. id, id, ARGV[2], fields)
  redis.call('ZADD', BATCH_JOBS_PREFIX .. ARGV[1], 0, id)
  emit_event(id, EVENT_QUEUED)
end
if KEYS[2] then
  keep_idempotency(KEYS[2], KEYS[1], ARGV[1], ARGV[7], ARGV[8])
end
emit_batch_event(ARGV[1], EVENT_CHANGED)
return {load, ARGV[1], 'created'}
