-- The newest of an owner's jobs.
-- KEYS  1 jobs queued, then the lists to look at, one for each status wanted
-- ARGV  1 the job behind which to begin, or nothing, 2 how many at most,
--       3 how the key of a job begins
-- Gives the records, newest first, each with its place in the queue, if it is there.
local behind = ARGV[1] == '' and '+' or '(' .. ARGV[1]
local most = tonumber(ARGV[2])
local ids = {}
for at = 2, #KEYS do
  for _, id in ipairs(redis.call('ZRANGE', KEYS[at], behind, '-', 'BYLEX', 'REV', 'LIMIT', 0, most)) do
    table.insert(ids, id)
  end
end
table.sort(ids, function(one, other) return one > other end)
local records = {}
for at = 1, math.min(most, #ids) do
  local record = redis.call('HGETALL', ARGV[3] .. ids[at])
  table.insert(records, {record, redis.call('ZRANK', KEYS[1], ids[at])})
end
return records
