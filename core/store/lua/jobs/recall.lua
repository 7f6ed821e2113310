-- The job that was made for an idempotency key.
-- KEYS  1 the job made for the key
-- ARGV  1 a hash of the request, or nothing to ask only whether there is one
-- Gives its record, or `different` when it was made for another request, or nothing.
local made = redis.call('HMGET', KEYS[1], 'job', 'request')
if not made[1] then
  return false
end
if ARGV[1] ~= '' and made[2] ~= ARGV[1] then
  return 'different'
end
local key = 'easel:job:' .. made[1]
if ARGV[1] ~= '' then
  redis.call('HSET', key, 'replayed', 1)
end
return redis.call('HGETALL', key)
