-- Make an upload a blob, and store the time of the write.
-- KEYS  1 upload, 2 blob, 3 sorted set of write times
-- ARGV  1 digest, 2 number of fields
-- Returns 1, also if the upload is the blob already because the reply to the first try was lost; or
-- 0 if the upload is not whole: it has expired, was evicted, or a failover has lost a part of it.
local fields = tonumber(ARGV[2])
if redis.call('HLEN', KEYS[1]) == fields then
  redis.call('UNLINK', KEYS[2])
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('PERSIST', KEYS[2])
elseif redis.call('EXISTS', KEYS[1]) == 1 or redis.call('HLEN', KEYS[2]) ~= fields then
  return 0
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[3], time[1] + time[2] / 1e6, ARGV[1])
return 1
