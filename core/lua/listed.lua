-- Where a job is listed: a sorted set for each status and owner. All scores are 0, so ids,
-- which begin with the time of their making, sort by age. Put before the scripts that use it.
local function listed(status, owner)
  return 'easel:owned:' .. status .. ':' .. owner
end

-- The one way in which a status changes, so that the lists keep in step.
local function set_status(key, id, status)
  local held = redis.call('HMGET', key, 'owner', 'status')
  local owner = held[1] or 'anonymous'
  if held[2] then
    redis.call('ZREM', listed(held[2], owner), id)
  end
  redis.call('HSET', key, 'status', status)
  redis.call('ZADD', listed(status, owner), 0, id)
end
