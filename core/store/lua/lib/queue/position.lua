--- @include "lib/queue/turns"
-- How many jobs go before a job.

-- The number of jobs in the lanes before one.
local function jobs_before(lane)
  local jobs = 0
  for _, earlier in ipairs(LANES) do
    if earlier == lane then
      break
    end
    jobs = jobs + redis.call('ZCARD', TURNS_PREFIX .. earlier)
  end
  return jobs
end

-- The number of jobs that go before a waiting job; nil if the job does not wait.
local function position_of(id)
  local lane, caller = lane_of(JOB_PREFIX .. id)
  local rank = redis.call('ZRANK', waiting_key(lane, caller), id)
  if not rank then
    return nil
  end
  local entry = turn_entry(first_turn(lane, caller) + rank, caller)
  return jobs_before(lane) + redis.call('ZRANK', TURNS_PREFIX .. lane, entry)
end

-- The same for a new job of a caller, which has that place among the caller's jobs.
local function position_of_new(caller, place)
  local lane = LANE_NEW
  local first = first_turn(lane, caller) or next_turn(lane, caller)
  local turn = first + redis.call('ZCOUNT', waiting_key(lane, caller), '-inf', place)
  local own, before = turn_entry(turn, caller), 0
  for _, entry in ipairs(redis.call('ZRANGE', TURNS_PREFIX .. lane, turn, turn, 'BYSCORE')) do
    before = before + (entry < own and 1 or 0)
  end
  local earlier = redis.call('ZCOUNT', TURNS_PREFIX .. lane, '-inf', '(' .. turn)
  return jobs_before(lane) + earlier + before
end

-- A record, fields and values alternating, and its position in the queue; nil unless it waits.
local function read_job(id)
  local record = redis.call('HGETALL', JOB_PREFIX .. id)
  for i = 1, #record, 2 do
    if record[i] == 'status' then
      return {record, record[i + 1] == STATUS_QUEUED and position_of(id) or false}
    end
  end
  return {record, false}
end
