-- Make an upload a blob, and store the time of the write.
-- KEYS  1 upload, 2 blob, 3 sorted set of write times
-- ARGV  1 digest, 2 number of fields
if redis.call('HLEN', KEYS[1]) ~= tonumber(ARGV[2]) then
  return redis.error_reply('ERR the upload of a blob has expired or was evicted')
end
local time = redis.call('TIME')
redis.call('UNLINK', KEYS[2])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('ZADD', KEYS[3], time[1] + time[2] / 1e6, ARGV[1])
