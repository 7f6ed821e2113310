#!lua flags=allow-oom
--- @include "lib/outbox"
--- @include "lib/schema"
-- Start an attempt to deliver, and count it. An attempt that never ends counts too.
-- KEYS  1 job record
-- ARGV  1 delivery id, 2 event, 3 stamp of the claim, 4 maximum duration of the attempt in seconds,
--       5 maximum of attempts, 6 maximum of the caller's active attempts, 7 seconds to postpone a
--       delivery that exceeds it
-- Returns the new stamp and the record, or nil if there is nothing to do now.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
local caller = redis.call('HGET', KEYS[1], 'caller') or ANONYMOUS
local score = redis.call('ZSCORE', pending_key(caller), ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[3]) then
  return false  -- delivered, or claimed again in the meantime
end
local deliveries = cjson.decode(redis.call('HGET', KEYS[1], 'deliveries') or '{}')
local delivery = deliveries[ARGV[2]]
if not delivery or delivery.state ~= DELIVERY_PENDING then
  remove_delivery(caller, ARGV[1])
  return false
end
local time = now()
local active = WEBHOOKS_ACTIVE_PREFIX .. caller
redis.call('ZREMRANGEBYSCORE', active, '-inf', time)  -- attempts whose sender died
if redis.call('ZCARD', active) >= tonumber(ARGV[6]) then
  schedule_delivery(caller, ARGV[1], timestamp(time + ARGV[7]))
  return false
end
local stamp = false
if delivery.attempts >= tonumber(ARGV[5]) then  -- the result of the last attempt was lost
  delivery.state = DELIVERY_FAILED
  delivery.next_attempt_at = nil
  remove_delivery(caller, ARGV[1])
else
  stamp = timestamp(time + ARGV[4])
  delivery.attempts = delivery.attempts + 1
  delivery.last_attempt_at = time
  schedule_delivery(caller, ARGV[1], stamp)
  redis.call('ZADD', active, stamp, ARGV[1])
  redis.call('EXPIRE', active, math.ceil(tonumber(ARGV[4])) + 1)
end
redis.call('HSET', KEYS[1], 'deliveries', cjson.encode(deliveries))
return stamp and {stamp, redis.call('HGETALL', KEYS[1])}
