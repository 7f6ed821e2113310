-- How busy the service is. Put behind listed.lua, before the scripts that ask.
-- Gives the number of jobs queued, that of the caller's unfinished jobs, and the seconds
-- that a run takes of late. The caller's are listed, and not looked for among all jobs.
-- Only at the limit `most` is the list gone through, so that no way for a job to end,
-- not even one of another version, can leave a caller with fewer jobs than allowed.
local function load_of(caller, most, queued, run_seconds)
  local list = unfinished(caller)
  local count = redis.call('SCARD', list)
  if count >= tonumber(most) then
    for _, id in ipairs(redis.call('SMEMBERS', list)) do
      local status = redis.call('HGET', 'easel:job:' .. id, 'status')
      if status ~= 'queued' and status ~= 'running' then
        redis.call('SREM', list, id)
        count = count - 1
      end
    end
  end
  return {redis.call('ZCARD', queued), count, redis.call('GET', run_seconds)}
end
