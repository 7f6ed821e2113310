--- @include "lib/queue/position"
-- Events (core/jobs/events.py).

-- Write an event to the stream of the job and to the stream of all jobs. It carries the record
-- as it is now, without the fields marked NOT_IN_EVENTS. The stream of a job keeps only the
-- newest progress and preview, and neither after the job has ended.
local function emit_event(id, name)
  local key = JOB_PREFIX .. id
  local stream = EVENTS_PREFIX .. id
  local record = redis.call('HGETALL', key)
  local state = {}
  for i = 1, #record, 2 do
    if not NOT_IN_EVENTS[record[i]] then
      state[record[i]] = record[i + 1]
    end
  end
  state.position = state.status == STATUS_QUEUED and position_of(id) or nil
  local text = cjson.encode(state)
  local event_id = redis.call('XADD', ALL_EVENTS, 'MAXLEN', '~', ALL_EVENTS_LENGTH, '*',
                              'job', id, 'event', name, 'state', text)
  redis.call('XADD', stream, 'MAXLEN', '~', JOB_EVENTS_LENGTH, event_id,
             'event', name, 'state', text)
  if SUPERSEDED_EVENTS[name] then
    local field = 'event_' .. name
    local previous = redis.call('HGET', key, field)
    if previous then
      redis.call('XDEL', stream, previous)
    end
    redis.call('HSET', key, field, event_id)
  elseif FINAL_EVENTS[name] then
    for superseded in pairs(SUPERSEDED_EVENTS) do
      local field = 'event_' .. superseded
      local previous = redis.call('HGET', key, field)
      if previous then
        redis.call('XDEL', stream, previous)
        redis.call('HDEL', key, field)
      end
    end
    -- The stream and the losses stay as long as the files of the job. They take several times the
    -- memory of the record, which stays longer and answers clients that ask later.
    local seconds = math.ceil(tonumber(state.retention_seconds or RETENTION_SECONDS))
    redis.call('EXPIRE', stream, seconds)
    redis.call('EXPIRE', LOSSES_PREFIX .. id, seconds)
  end
  redis.call('HSET', key, 'event', event_id)
end

-- Report that a job was removed, to those who wait for it.
local function emit_removal(id)
  redis.call('XADD', ALL_EVENTS, 'MAXLEN', '~', ALL_EVENTS_LENGTH, '*',
             'job', id, 'event', EVENT_REMOVED)
end
