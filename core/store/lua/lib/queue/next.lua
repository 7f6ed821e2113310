--- @include "lib/schema"
--- @include "lib/queue/turns"
-- Which jobs go next.

-- Whether a worker can run a job. `memory` and `precision` are those of the worker; empty if they
-- are not known.
local function can_run(id, memory, precision)
  local key = JOB_PREFIX .. id
  if newer_schema(key) then
    return false
  end
  local needed = redis.call('HGET', key, 'memory')
  if not needed or memory == '' then
    return true
  end
  local by_precision = cjson.decode(needed)
  local bytes = by_precision[precision] or by_precision[UNKNOWN_PRECISION]
  return not bytes or bytes <= tonumber(memory)
end

-- The lanes in the order in which a worker looks for a job. After a draft, the others go first.
local function lanes_in_turn()
  local lanes = {unpack(LANES)}
  if redis.call('GET', LAST_LANE) == LANE_DRAFT then
    table.insert(lanes, table.remove(lanes, 1))
  end
  return lanes
end

-- The next job for a worker, with its lane, its caller, and the callers that were passed because
-- none of their first jobs can run there; nil if there is none. A job in the text `avoided` goes
-- only if no other can. Callers and jobs far back in the queue are not looked at.
local function next_job(memory, precision, avoided)
  local last_choice = {}
  for _, lane in ipairs(lanes_in_turn()) do
    local passed = {}
    for _, caller in ipairs(redis.call('ZRANGE', CALLERS_PREFIX .. lane, 0, CALLERS_TRIED - 1)) do
      for _, id in ipairs(redis.call('ZRANGE', waiting_key(lane, caller), 0, JOBS_TRIED - 1)) do
        if can_run(id, memory, precision) then
          if not avoided:find(id, 1, true) then
            return id, lane, caller, passed
          end
          last_choice = last_choice[1] and last_choice or {id, lane, caller, {}}
        end
      end
      table.insert(passed, caller)
    end
  end
  return unpack(last_choice)
end

-- The ids of the jobs that go first, in their order, at most `limit`.
local function first_jobs(limit)
  local ids = {}
  for _, lane in ipairs(LANES) do
    local jobs, taken = {}, {}
    local room = limit - #ids
    local turns = room > 0 and redis.call('ZRANGE', TURNS_PREFIX .. lane, 0, room - 1) or {}
    for _, entry in ipairs(turns) do
      local caller = entry:match('^%d+:(.*)$')
      jobs[caller] = jobs[caller] or redis.call('ZRANGE', waiting_key(lane, caller), 0, limit - 1)
      taken[caller] = (taken[caller] or 0) + 1
      table.insert(ids, jobs[caller][taken[caller]])
    end
  end
  return ids
end
