--- @include "lib/time"
-- Replace the webhook secret of a caller. The previous one also signs for a while.
-- ARGV  1 caller, 2 new secret, 3 how long the previous one signs, in seconds,
--       4 maximum of previous secrets, above which those that end first are removed
-- Returns when it ends to sign, in seconds since 1970; nil if there was none.
local previous = redis.call('HGET', WEBHOOK_SECRETS, ARGV[1])
redis.call('HSET', WEBHOOK_SECRETS, ARGV[1], ARGV[2])
if not previous then
  return false
end
local time = now()
local key = WEBHOOK_RETIRED_PREFIX .. ARGV[1]
local ends = timestamp(time + ARGV[3])
redis.call('ZREMRANGEBYSCORE', key, '-inf', time)
redis.call('ZADD', key, ends, previous)
redis.call('ZREMRANGEBYRANK', key, 0, -1 - ARGV[4])
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
redis.call('EXPIREAT', key, math.ceil(tonumber(last)))
return ends
