-- Write a new job, queued, if there is room for it.
-- KEYS  1 job, 2 jobs queued, 3 jobs running, 4 run seconds
-- ARGV  1 job id, 2 caller, 3 most jobs queued, 4 most unfinished jobs of the caller,
--       then field and value by turns
-- Gives what load_of does, and the record, or nothing when there is no room.
local load = load_of(ARGV[2], KEYS[2], KEYS[3], KEYS[4])
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {load, redis.call('HGETALL', KEYS[1])}  -- the answer to the first try was lost
end
if load[1] >= tonumber(ARGV[3]) or load[2] >= tonumber(ARGV[4]) then
  return {load, false}
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('HSET', KEYS[1], 'status', 'queued', 'attempt', 0, 'caller', ARGV[2],
           'created_at', string.format('%.6f', now), unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], now, ARGV[1])
tell(ARGV[1], 'queued')
return {load, redis.call('HGETALL', KEYS[1])}
