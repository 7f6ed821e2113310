--- @include "lib/indexes"
-- The load of the service (core/jobs/admission.py).

-- Returns the number of queued jobs, the number of the caller's unfinished jobs, the average run
-- time in seconds, and the bytes of the caller's files. The caller's jobs are counted in their
-- index. Only at the limit `max_jobs` is every entry checked, so that no way of ending a job, not
-- even one of another version, can leave a caller with fewer jobs than allowed.
local function current_load(caller, max_jobs)
  local index = unfinished_key(caller)
  local count = redis.call('SCARD', index)
  if count >= tonumber(max_jobs) then
    for _, id in ipairs(redis.call('SMEMBERS', index)) do
      local status = redis.call('HGET', JOB_PREFIX .. id, 'status')
      if not status or not UNFINISHED_STATUSES[status] then
        redis.call('SREM', index, id)
        count = count - 1
      end
    end
  end
  local stored = redis.call('HGET', STORED_BY_CALLER, caller) or '0'
  return {redis.call('ZCARD', JOBS_QUEUED), count, redis.call('GET', RUN_SECONDS), stored}
end
