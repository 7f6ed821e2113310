-- How busy the service is. Put before the scripts that ask.
-- Gives the number of jobs queued, that of the caller's unfinished jobs, and the
-- seconds that a run takes of late. The caller's are counted anew each time, so
-- that no way for a job to end can be forgotten; the queue's limit bounds the work.
local function load_of(caller, queued, running, run_seconds)
  local unfinished = 0
  for _, index in ipairs({queued, running}) do
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      if redis.call('HGET', 'easel:job:' .. id, 'caller') == caller then
        unfinished = unfinished + 1
      end
    end
  end
  return {redis.call('ZCARD', queued), unfinished, redis.call('GET', run_seconds)}
end
