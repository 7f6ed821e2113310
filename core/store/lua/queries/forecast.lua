--- @include "lib/time"
-- Read what a forecast depends on (core/jobs/waiting/forecast.py).
-- ARGV  1 seconds after which a silent worker counts as lost
-- Returns the average run time in seconds, the number of live workers, for each running job the
-- seconds since its start and its progress, if there is any, for each queued job its work, or an
-- empty text, and the fields and values of the pace.
local time = now()
local running = {}
for i, id in ipairs(redis.call('ZRANGE', JOBS_RUNNING, 0, -1)) do
  local record = redis.call('HMGET', JOB_PREFIX .. id, 'started_at', 'progress')
  running[i] = {string.format('%.3f', time - tonumber(record[1] or time)), record[2]}
end
local queued = {}
for i, id in ipairs(redis.call('ZRANGE', JOBS_QUEUED, 0, -1)) do
  queued[i] = redis.call('HGET', JOB_PREFIX .. id, 'work') or ''
end
return {redis.call('GET', RUN_SECONDS),
        redis.call('ZCOUNT', WORKERS_SEEN, time - ARGV[1], '+inf'), running, queued,
        redis.call('HGETALL', PACE)}
