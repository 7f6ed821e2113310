-- What the start of a queued job depends on.
-- KEYS  1 jobs running, 2 run seconds, 3 workers by the time they were last seen
-- ARGV  1 after how many seconds a worker is forgotten
-- Gives the seconds that a run takes of late, the number of workers that are alive, and for
-- each running job the seconds since it was begun, and its progress, or nothing.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local running = {}
for i, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local held = redis.call('HMGET', 'easel:job:' .. id, 'started_at', 'progress')
  running[i] = {string.format('%.3f', now - tonumber(held[1] or now)), held[2]}
end
return {redis.call('GET', KEYS[2]),
        redis.call('ZCOUNT', KEYS[3], now - ARGV[1], '+inf'), running}
