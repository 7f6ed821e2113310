-- Take the deliveries that are due, for a while: whoever asks next gets others.
-- KEYS  1 deliveries by the time they are due
-- ARGV  1 seconds for which they are taken, 2 how many at most
-- Gives delivery and stamp by turns. The stamp says who has it now.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local stamp = string.format('%.6f', now + ARGV[1])
local taken = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  redis.call('ZADD', KEYS[1], stamp, id)
  table.insert(taken, id)
  table.insert(taken, stamp)
end
return taken
