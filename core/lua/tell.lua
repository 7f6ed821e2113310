-- Note an event for the job's webhook, if there is one that wants it. Put before the
-- scripts that move jobs, so that a move and the duty to tell of it are one.
local function tell(key, id, event, now)
  local webhook = redis.call('HGET', key, 'webhook')
  if not webhook then
    return
  end
  local name = 'job.' .. event
  local deliveries = cjson.decode(redis.call('HGET', key, 'deliveries') or '{}')
  for _, delivery in pairs(deliveries) do
    if delivery.state == 'stopped' then
      return  -- the receiver wants to hear no more of this job
    end
  end
  for _, wanted in ipairs(cjson.decode(webhook).events) do
    if wanted == name and not deliveries[name] then
      deliveries[name] = {state = 'pending', attempts = 0, next_attempt_at = now}
      redis.call('HSET', key, 'deliveries', cjson.encode(deliveries))
      redis.call('ZADD', 'easel:webhooks:due', string.format('%.6f', now), id .. '-' .. event)
    end
  end
end
