-- Write a new job, queued, if there is room for it, and no job was made for its key.
-- KEYS  1 job, 2 jobs queued, 3 run seconds,
--       4 the job made for an idempotency key, if there is one
-- ARGV  1 job id, 2 caller, 3 most jobs queued, 4 most unfinished jobs of the caller,
--       5 a hash of the request, 6 seconds for which a key counts,
--       then field and value by turns
-- Gives what load_of does, the record, and whether it is `created`, or `replayed`: that of
-- the job made before. Or nothing for a record when the key was used for a `different`
-- request, or there is no `room`.
local load = load_of(ARGV[2], ARGV[4], KEYS[2], KEYS[3])
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {load, redis.call('HGETALL', KEYS[1]), 'created'}  -- the answer to the first try was lost
end
local made = KEYS[4] and redis.call('HMGET', KEYS[4], 'job', 'request')
if made and made[1] then
  if made[2] ~= ARGV[5] then
    return {load, false, 'different'}
  end
  local key = 'easel:job:' .. made[1]
  redis.call('HSET', key, 'replayed', 1)
  return {load, redis.call('HGETALL', key), 'replayed'}
end
if load[1] >= tonumber(ARGV[3]) or load[2] >= tonumber(ARGV[4]) then
  return {load, false, 'room'}
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('HSET', KEYS[1], 'attempt', 0, 'caller', ARGV[2],
           'created_at', string.format('%.6f', now), unpack(ARGV, 7))
set_status(KEYS[1], ARGV[1], 'queued')
hold_fields(ARGV[1], ARGV, 7)
redis.call('ZADD', KEYS[2], now, ARGV[1])
if KEYS[4] then
  redis.call('HSET', KEYS[4], 'job', ARGV[1], 'request', ARGV[5])
  redis.call('EXPIRE', KEYS[4], ARGV[6])
  redis.call('HSET', KEYS[1], 'idempotency', KEYS[4])
end
tell(ARGV[1], 'queued')
return {load, redis.call('HGETALL', KEYS[1]), 'created'}
