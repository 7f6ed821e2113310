-- The queue: which of the waiting jobs goes next (core/jobs/waiting/turns.py).
--
-- Each lane has numbered turns, which callers take one after the other. A caller with n waiting
-- jobs has n turns in sequence, and its jobs take them in their own order. A caller that begins to
-- wait gets the turn that is being served, or the one after its last. Every operation takes
-- logarithmic time: it touches the turns of one caller only.

-- The lane and the caller of a waiting job.
local function lane_of(key)
  local record = redis.call('HMGET', key, 'caller', 'attempt', 'draft')
  local resumed = tonumber(record[2] or '0') > 0
  return record[3] and LANE_DRAFT or resumed and LANE_RESUMED or LANE_NEW, record[1] or ANONYMOUS
end

-- The key of the jobs of a caller that wait in a lane.
local function waiting_key(lane, caller)
  return WAITING_PREFIX .. lane .. ':' .. caller
end

-- The entry of a turn. Those of the same turn sort by caller.
local function turn_entry(turn, caller)
  return string.format('%.0f:', turn) .. caller
end

-- The first turn of a caller that begins to wait.
local function next_turn(lane, caller)
  local served = tonumber(redis.call('GET', TURN_PREFIX .. lane) or '0')
  local last = redis.call('ZSCORE', TURNS_SERVED_PREFIX .. lane, caller)
  return math.max(served, (last or -1) + 1)
end

-- The first turn of a caller that waits, or nil.
local function first_turn(lane, caller)
  local first = redis.call('ZSCORE', CALLERS_PREFIX .. lane, caller)
  return first and tonumber(first)
end

-- Add a job whose record is complete.
local function enqueue(key, id)
  local lane, caller = lane_of(key)
  local record = redis.call('HMGET', key, 'created_at', 'priority')
  local created, head_start = record[1] or 0, HEAD_STARTS[record[2]] or 0
  local jobs = waiting_key(lane, caller)
  local first = first_turn(lane, caller)
  if not first then
    first = next_turn(lane, caller)
    redis.call('ZREM', TURNS_SERVED_PREFIX .. lane, caller)
    redis.call('ZADD', CALLERS_PREFIX .. lane, first, caller)
  end
  if redis.call('ZADD', jobs, created - head_start, id) == 1 then
    local turn = first + redis.call('ZCARD', jobs) - 1
    redis.call('ZADD', TURNS_PREFIX .. lane, turn, turn_entry(turn, caller))
    redis.call('ZADD', JOBS_QUEUED, created, id)
  end
end

-- Remove a job from its caller's jobs, which then have one turn less: `turn`. The next one of the
-- caller is `following`.
local function remove_waiting(lane, caller, id, turn, following)
  local jobs = waiting_key(lane, caller)
  redis.call('ZREM', jobs, id)
  redis.call('ZREM', JOBS_QUEUED, id)
  redis.call('ZREM', TURNS_PREFIX .. lane, turn_entry(turn, caller))
  if redis.call('EXISTS', jobs) == 1 then
    redis.call('ZADD', CALLERS_PREFIX .. lane, following, caller)
  else
    redis.call('ZREM', CALLERS_PREFIX .. lane, caller)
    redis.call('ZADD', TURNS_SERVED_PREFIX .. lane, following - 1, caller)
  end
end

-- Remove a job that does not start. The jobs behind it move up, and the last turn is free.
local function leave_queue(key, id)
  local lane, caller = lane_of(key)
  local jobs = waiting_key(lane, caller)
  local first = redis.call('ZSCORE', jobs, id) and first_turn(lane, caller)
  if first then
    remove_waiting(lane, caller, id, first + redis.call('ZCARD', jobs) - 1, first)
  end
end

-- Have a caller without a job for the worker that was served catch up with the others. It keeps
-- one turn of advantage, so that it is next at a larger worker.
local function catch_up(lane, caller, served)
  local first, ahead = first_turn(lane, caller), served - 1
  local count = redis.call('ZCARD', waiting_key(lane, caller))
  for turn = first, ahead - 1 do
    redis.call('ZREM', TURNS_PREFIX .. lane, turn_entry(turn, caller))
    redis.call('ZADD', TURNS_PREFIX .. lane, turn + count, turn_entry(turn + count, caller))
  end
  redis.call('ZADD', CALLERS_PREFIX .. lane, math.max(first, ahead), caller)
end

-- Serve a turn of a caller: remove a job that starts. `passed` lists the callers before it.
local function serve(lane, caller, id, passed)
  local turn = first_turn(lane, caller)
  remove_waiting(lane, caller, id, turn, turn + 1)
  local served = math.max(turn, tonumber(redis.call('GET', TURN_PREFIX .. lane) or '0'))
  redis.call('SET', TURN_PREFIX .. lane, string.format('%.0f', served))
  redis.call('SET', LAST_LANE, lane)
  redis.call('ZREMRANGEBYSCORE', TURNS_SERVED_PREFIX .. lane, '-inf', served - 1)
  for _, other in ipairs(passed) do
    catch_up(lane, other, served)
  end
end
