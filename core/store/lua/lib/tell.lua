-- Events. Put before the scripts that change a job.
-- tell(id, name) writes an event twice: to the stream of the job, from which a client
-- catches up, and to that of all jobs, which every api follows. It carries the record as
-- it is now, but for what never changes and what is nobody's business. Of progress and
-- previews a job's stream keeps only the newest, and none once the job has ended.
local unsaid = {params = true, inputs = true, caller = true, claim = true, checkpoint = true,
                owner = true, schema = true, result = true, preview = true,
                event = true, event_progress = true, event_preview = true}
local superseded = {progress = true, preview = true}
local final = {succeeded = true, failed = true, canceled = true}
local function tell(id, name)
  local key = 'easel:job:' .. id
  local events = 'easel:events:' .. id
  local record = redis.call('HGETALL', key)
  local state = {}
  for i = 1, #record, 2 do
    if not unsaid[record[i]] then
      state[record[i]] = record[i + 1]
    end
  end
  state.position = redis.call('ZRANK', 'easel:jobs:queued', id) or nil
  local text = cjson.encode(state)
  local number = redis.call('XADD', 'easel:events', 'MAXLEN', '~', 2000, '*',
                            'job', id, 'event', name, 'state', text)
  redis.call('XADD', events, 'MAXLEN', '~', 200, number, 'event', name, 'state', text)
  local field = 'event_' .. name
  if superseded[name] then
    local before = redis.call('HGET', key, field)
    if before then
      redis.call('XDEL', events, before)
    end
    redis.call('HSET', key, field, number)
  elseif final[name] then
    for _, before in ipairs(redis.call('HMGET', key, 'event_progress', 'event_preview')) do
      if before then
        redis.call('XDEL', events, before)
      end
    end
    redis.call('HDEL', key, 'event_progress', 'event_preview')
    -- The story stays as long as the files: it takes several times what the record does, which
    -- stays longer. Who asks after that is told of the end, by the record.
    redis.call('EXPIRE', events, math.ceil(tonumber(state.retention_seconds or 86400)))
  end
  redis.call('HSET', key, 'event', number)
end
