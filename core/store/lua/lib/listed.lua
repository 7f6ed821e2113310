-- Where a job is listed: a sorted set for each status and owner. All scores are 0, so ids,
-- which begin with the time of their making, sort by age. Put before the scripts that use it.
local function listed(status, owner)
  return 'easel:owned:' .. status .. ':' .. owner
end

-- Where the jobs of a caller are listed that wait or run: a set.
local function unfinished(caller)
  return 'easel:unfinished:' .. caller
end

-- Note the change for the job's webhook, if there is one that wants it (core/store/outbox.py).
local function note_webhook(key, id, status)
  local webhook = redis.call('HGET', key, 'webhook')
  if not webhook then
    return
  end
  local event = status == 'running' and 'started' or status
  local name = 'job.' .. event
  local deliveries = cjson.decode(redis.call('HGET', key, 'deliveries') or '{}')
  for _, delivery in pairs(deliveries) do
    if delivery.state == 'stopped' then
      return  -- the receiver wants to hear no more of this job
    end
  end
  for _, wanted in ipairs(cjson.decode(webhook).events) do
    if wanted == name and not deliveries[name] then  -- a start is told once
      local time = redis.call('TIME')
      local now = time[1] + time[2] / 1e6
      deliveries[name] = {state = 'pending', attempts = 0, next_attempt_at = now}
      redis.call('HSET', key, 'deliveries', cjson.encode(deliveries))
      redis.call('ZADD', 'easel:webhooks:due', string.format('%.6f', now), id .. '-' .. event)
    end
  end
end

-- Add a time to a histogram (core/store/statistics.py).
local function observe(name, seconds)
  local bucket = 'inf'
  for _, bound in ipairs({0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600}) do
    if seconds <= bound then
      bucket = bound
      break
    end
  end
  redis.call('HINCRBY', 'easel:counts', name .. ':le:' .. bucket, 1)
  redis.call('HINCRBYFLOAT', 'easel:counts', name .. ':sum', string.format('%.6f', seconds))
end

-- Count the change, for the metrics.
local function count(key, before, status)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1e6
  if not before then
    redis.call('HINCRBY', 'easel:counts', 'accepted', 1)
  elseif status == 'running' then
    if redis.call('HEXISTS', key, 'started_at') == 0 then
      observe('queued', now - redis.call('HGET', key, 'created_at'))
    end
  elseif status == 'queued' then
    redis.call('HINCRBY', 'easel:counts', 'requeued', 1)
  else
    redis.call('HINCRBY', 'easel:counts', 'finished:' .. status, 1)
    if status == 'succeeded' then
      observe('run', now - redis.call('HGET', key, 'started_at'))
    end
  end
end

-- The one way in which a status changes, so that lists, outbox and counts keep in step.
local function set_status(key, id, status)
  local held = redis.call('HMGET', key, 'owner', 'status', 'caller')
  local owner = held[1] or 'anonymous'
  if held[2] then
    redis.call('ZREM', listed(held[2], owner), id)
  end
  redis.call('HSET', key, 'status', status)
  redis.call('ZADD', listed(status, owner), 0, id)
  local waits = status == 'queued' or status == 'running'
  redis.call(waits and 'SADD' or 'SREM', unfinished(held[3] or 'anonymous'), id)
  note_webhook(key, id, status)
  count(key, held[2], status)
end
