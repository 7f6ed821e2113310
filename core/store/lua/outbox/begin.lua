-- Begin an attempt, and count it: one that never ends counts too.
-- KEYS  1 job, 2 deliveries by the time they are due
-- ARGV  1 delivery, 2 event, 3 the stamp it was taken with, 4 seconds that the attempt may
--       take, 5 how many attempts there may be, 6 how many of the caller's may be under way
--       at a time, 7 seconds by which one more is put off
-- Gives the new stamp and the record, or nothing when there is nothing to do now.
local refused = refusal(KEYS[1])
if refused then
  return refused
end
local held = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not held or tonumber(held) ~= tonumber(ARGV[3]) then
  return false  -- delivered, or somebody else's by now
end
local deliveries = cjson.decode(redis.call('HGET', KEYS[1], 'deliveries') or '{}')
local delivery = deliveries[ARGV[2]]
if not delivery or delivery.state ~= 'pending' then
  redis.call('ZREM', KEYS[2], ARGV[1])  -- the job was removed
  return false
end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local under_way = 'easel:webhooks:under-way:' .. (redis.call('HGET', KEYS[1], 'caller') or '')
redis.call('ZREMRANGEBYSCORE', under_way, '-inf', now)  -- their sender died
if redis.call('ZCARD', under_way) >= tonumber(ARGV[6]) then
  redis.call('ZADD', KEYS[2], string.format('%.6f', now + ARGV[7]), ARGV[1])
  return false
end
local stamp = false
if delivery.attempts >= tonumber(ARGV[5]) then  -- the last attempt was never heard of again
  delivery.state = 'failed'
  delivery.next_attempt_at = nil
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  stamp = string.format('%.6f', now + ARGV[4])
  delivery.attempts = delivery.attempts + 1
  delivery.last_attempt_at = now
  redis.call('ZADD', KEYS[2], stamp, ARGV[1])
  redis.call('ZADD', under_way, stamp, ARGV[1])
  redis.call('EXPIRE', under_way, math.ceil(tonumber(ARGV[4])) + 1)
end
redis.call('HSET', KEYS[1], 'deliveries', cjson.encode(deliveries))
return stamp and {stamp, redis.call('HGETALL', KEYS[1])}
