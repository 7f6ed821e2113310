-- Write what came of an attempt.
-- KEYS  1 job, 2 deliveries by the time they are due
-- ARGV  1 delivery, 2 event, 3 the stamp of the attempt, 4 the new state,
--       5 seconds until the next attempt if there is one, 6 HTTP status, 7 error; or ''
-- Gives whether the attempt was still the one that counts.
local held = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not held or tonumber(held) ~= tonumber(ARGV[3]) then
  return 0
end
local caller = redis.call('HGET', KEYS[1], 'caller') or ''
redis.call('ZREM', 'easel:webhooks:under-way:' .. caller, ARGV[1])
local deliveries = cjson.decode(redis.call('HGET', KEYS[1], 'deliveries') or '{}')
local delivery = deliveries[ARGV[2]]
if not delivery then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
redis.call('HINCRBY', 'easel:counts', 'webhook:' .. ARGV[2] .. ':' .. ARGV[4], 1)
delivery.state = ARGV[4]
delivery.last_status = tonumber(ARGV[6])
delivery.last_error = ARGV[7] ~= '' and ARGV[7] or nil
if delivery.state == 'pending' then
  local time = redis.call('TIME')
  local due = time[1] + time[2] / 1e6 + ARGV[5]
  delivery.next_attempt_at = due
  redis.call('ZADD', KEYS[2], string.format('%.6f', due), ARGV[1])
else
  delivery.next_attempt_at = nil
  redis.call('ZREM', KEYS[2], ARGV[1])
end
if delivery.state == 'stopped' then  -- and nothing else of this job is sent there
  local job_id = string.sub(ARGV[1], 1, 36)
  for event, other in pairs(deliveries) do
    if other.state == 'pending' then
      other.state = 'stopped'
      other.next_attempt_at = nil
      redis.call('ZREM', KEYS[2], job_id .. '-' .. string.sub(event, 5))
    end
  end
end
redis.call('HSET', KEYS[1], 'deliveries', cjson.encode(deliveries))
return 1
