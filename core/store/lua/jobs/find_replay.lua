#!lua flags=allow-oom
-- Find the job of an idempotency key.
-- KEYS  1 entry of the idempotency key
-- ARGV  1 hash of the request; empty to ask only whether there is a job
-- Returns its record; or `different` if the key belongs to another request; or nil.
local existing = redis.call('HMGET', KEYS[1], 'job', 'request')
if not existing[1] then
  return false
end
if ARGV[1] ~= '' and existing[2] ~= ARGV[1] then
  return 'different'
end
local key = JOB_PREFIX .. existing[1]
if ARGV[1] ~= '' then
  redis.call('HSET', key, 'replayed', 1)
end
return redis.call('HGETALL', key)
