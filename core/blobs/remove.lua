-- Remove a blob of at least the given age.
-- KEYS  1 blob, 2 sorted set of write times
-- ARGV  1 digest, 2 least age in seconds
-- Returns the number of blobs removed.
local time = redis.call('TIME')
local written = redis.call('ZSCORE', KEYS[2], ARGV[1])
if written and time[1] + time[2] / 1e6 - written < tonumber(ARGV[2]) then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('UNLINK', KEYS[1])
