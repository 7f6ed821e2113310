-- End the attempts whose lease has run out. Several may ask; one at a time does it.
-- KEYS  1 jobs running by the end of their lease, 2 jobs queued, 3 time of the last sweep
-- ARGV  1 how the key of a job begins, 2 seconds of a lease, 3 seconds between sweeps,
--       4 how many attempts a job has, 5 the error of a job that used them up
-- Gives job id and its new status by turns, and those that are left alone, with their
-- schemas, by turns. Or nothing when it was swept a moment ago.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local since = now - tonumber(redis.call('GET', KEYS[3]) or '0')
if since >= 0 and since < ARGV[3] / 2 then
  return false
end
redis.call('SET', KEYS[3], string.format('%.6f', now))

-- Nobody has swept for long: this server was away, or its clock was set. Then the
-- workers could not renew either, and what their leases say means nothing.
if since < 0 or since > ARGV[2] / 2 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if not newer_schema(ARGV[1] .. id) then
      redis.call('ZADD', KEYS[1], now + ARGV[2], id)
    end
  end
  return {{}, {}}
end

local moved, left = {}, {}
local function end_attempt(id, key)
  local held = redis.call('HMGET', key, 'status', 'attempt', 'handed_back',
                          'cancel_requested_at', 'created_at')
  redis.call('ZREM', KEYS[1], id)
  if held[1] == 'running' then
    local status = 'queued'
    if held[4] then
      status = 'canceled'
    elseif held[2] - (held[3] or 0) >= tonumber(ARGV[4]) then
      status = 'failed'
      redis.call('HSET', key, 'error', ARGV[5])
    end
    set_status(key, id, status)
    if status == 'queued' then
      redis.call('ZADD', KEYS[2], held[5], id)
    else
      redis.call('HSET', key, 'finished_at', string.format('%.6f', now))
      redis.call('HDEL', key, 'checkpoint', 'result', 'metrics', 'preview')
    end
    tell(id, status)
    table.insert(moved, id)
    table.insert(moved, status)
  end
end

for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE')) do
  local key = ARGV[1] .. id
  local schema = newer_schema(key)
  if schema then
    table.insert(left, id)
    table.insert(left, schema)
  else
    end_attempt(id, key)
  end
end
return {moved, left}
