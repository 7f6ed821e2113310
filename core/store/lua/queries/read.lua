-- Read several jobs at once.
-- KEYS  1 jobs queued, then the jobs
-- ARGV  the ids of the jobs
-- Gives for each the record, field and value by turns, and its place in the queue.
local found = {}
for i, id in ipairs(ARGV) do
  found[i] = {redis.call('HGETALL', KEYS[i + 1]), redis.call('ZRANK', KEYS[1], id)}
end
return found
