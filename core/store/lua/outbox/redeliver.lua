#!lua flags=allow-oom
--- @include "lib/outbox"
--- @include "lib/schema"
-- Send a delivery again, from its first attempt on. An attempt in progress is not repeated.
-- KEYS  1 job record
-- ARGV  1 delivery id, 2 event
-- Returns the delivery as JSON, or nil if there is none.
local refused = refuse_newer(KEYS[1])
if refused then
  return refused
end
local deliveries = cjson.decode(redis.call('HGET', KEYS[1], 'deliveries') or '{}')
local delivery = deliveries[ARGV[2]]
if not delivery then
  return false
end
local time = now()
local caller = redis.call('HGET', KEYS[1], 'caller') or ANONYMOUS
local active = tonumber(redis.call('ZSCORE', WEBHOOKS_ACTIVE_PREFIX .. caller, ARGV[1]) or 0)
if active <= time then
  delivery.state = DELIVERY_PENDING
  delivery.attempts = 0
  delivery.next_attempt_at = time
  redis.call('HSET', KEYS[1], 'deliveries', cjson.encode(deliveries))
  schedule_delivery(caller, ARGV[1], timestamp(time))
end
return cjson.encode(delivery)
