-- Take the deliveries that are due, for a while: whoever asks next gets others.
-- KEYS  1 deliveries by the time they are due
-- ARGV  1 seconds for which they are taken, 2 how many at most
-- Gives delivery and stamp by turns, and the jobs whose records are left alone, with their
-- schemas, by turns. The stamp says who has it now.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local stamp = string.format('%.6f', now + ARGV[1])
local most = tonumber(ARGV[2])
local taken, left = {}, {}
local at = 0  -- behind those that are left alone
repeat
  local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', at, most)
  for _, id in ipairs(due) do
    local job_id = string.sub(id, 1, 36)
    local schema = newer_schema('easel:job:' .. job_id)
    if schema then
      at = at + 1
      table.insert(left, job_id)
      table.insert(left, schema)
    else
      redis.call('ZADD', KEYS[1], stamp, id)
      table.insert(taken, id)
      table.insert(taken, stamp)
    end
  end
until #due < most or #taken > 0 or at >= 10 * most
return {taken, left}
