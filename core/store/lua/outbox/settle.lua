#!lua flags=allow-oom
--- @include "lib/outbox"
-- Record the outcome of an attempt.
-- KEYS  1 job record
-- ARGV  1 delivery id, 2 event, 3 stamp of the attempt, 4 new state, 5 seconds until the next
--       attempt, 6 HTTP status, 7 error; 5 to 7 are empty if there is none
-- Returns 1, or 0 if the attempt was superseded.
local caller = redis.call('HGET', KEYS[1], 'caller') or ANONYMOUS
local score = redis.call('ZSCORE', pending_key(caller), ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[3]) then
  return 0
end
redis.call('ZREM', WEBHOOKS_ACTIVE_PREFIX .. caller, ARGV[1])
local deliveries = cjson.decode(redis.call('HGET', KEYS[1], 'deliveries') or '{}')
local delivery = deliveries[ARGV[2]]
if not delivery then
  remove_delivery(caller, ARGV[1])
  return 0
end
redis.call('HINCRBY', COUNTS, WEBHOOK_PREFIX .. ARGV[2] .. ':' .. ARGV[4], 1)
delivery.state = ARGV[4]
delivery.last_status = tonumber(ARGV[6])
delivery.last_error = ARGV[7] ~= '' and ARGV[7] or nil
if delivery.state == DELIVERY_PENDING then
  local due = now() + ARGV[5]
  delivery.next_attempt_at = due
  schedule_delivery(caller, ARGV[1], timestamp(due))
else
  delivery.next_attempt_at = nil
  remove_delivery(caller, ARGV[1])
end
if delivery.state == DELIVERY_STOPPED then  -- then no other event of the job is sent either
  local job_id = ARGV[1]:match('^(.*)%-')
  for event, other in pairs(deliveries) do
    if other.state == DELIVERY_PENDING then
      other.state = DELIVERY_STOPPED
      other.next_attempt_at = nil
      remove_delivery(caller, job_id .. '-' .. WEBHOOK_WORDS[event])
    end
  end
end
redis.call('HSET', KEYS[1], 'deliveries', cjson.encode(deliveries))
return 1
