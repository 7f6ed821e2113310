--- @include "lib/time"
-- Read what a forecast depends on (core/jobs/forecast.py).
-- ARGV  1 seconds after which a silent worker counts as lost
-- Returns the average run time in seconds, the number of live workers, and for each running job
-- the seconds since its start and its progress, if there is any.
local time = now()
local running = {}
for i, id in ipairs(redis.call('ZRANGE', JOBS_RUNNING, 0, -1)) do
  local record = redis.call('HMGET', JOB_PREFIX .. id, 'started_at', 'progress')
  running[i] = {string.format('%.3f', time - tonumber(record[1] or time)), record[2]}
end
return {redis.call('GET', RUN_SECONDS),
        redis.call('ZCOUNT', WORKERS_SEEN, time - ARGV[1], '+inf'), running}
