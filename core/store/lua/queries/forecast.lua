--- @include "lib/time"
--- @include "lib/queue/next"
-- Read what a forecast depends on (core/jobs/waiting/forecast.py).
-- ARGV  1 seconds after which a silent worker counts as lost, 2 maximum of queued jobs to read
-- Returns the average run time in seconds, for each running job the seconds since its start and its
-- progress, if there is any, for each of the first queued jobs its work, or an empty text, the
-- fields and values of the pace, the descriptions of the live workers, and three times or nil: now,
-- that of the last heartbeat, and that since which the queue is paused.
local time = now()
local running = {}
for i, id in ipairs(redis.call('ZRANGE', JOBS_RUNNING, 0, -1)) do
  local record = redis.call('HMGET', JOB_PREFIX .. id, 'started_at', 'progress')
  running[i] = {string.format('%.3f', time - tonumber(record[1] or time)), record[2]}
end
local queued = {}
for i, id in ipairs(first_jobs(tonumber(ARGV[2]))) do
  queued[i] = redis.call('HGET', JOB_PREFIX .. id, 'work') or ''
end
local workers = {}
for _, id in ipairs(redis.call('ZRANGE', WORKERS_SEEN, time - ARGV[1], '+inf', 'BYSCORE')) do
  table.insert(workers, redis.call('HGET', WORKERS_INFO, id) or nil)
end
return {redis.call('GET', RUN_SECONDS), running, queued, redis.call('HGETALL', PACE), workers,
        timestamp(time), redis.call('GET', WORKERS_LAST_SEEN), redis.call('GET', QUEUE_PAUSED)}
