#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/schema"
-- Claim the deliveries that are due for a while, so that the next call returns others.
-- ARGV  1 duration of a claim in seconds, 2 maximum of deliveries
-- Returns delivery ids and stamps, alternating, and the jobs with newer records and their schema
-- versions, alternating. The stamp identifies the claim.
local time = now()
local stamp = timestamp(time + ARGV[1])
local maximum = tonumber(ARGV[2])
local claimed, newer = {}, {}
local offset = 0  -- skips the deliveries of newer records
repeat
  local due = redis.call('ZRANGE', WEBHOOKS_DUE, '-inf', time, 'BYSCORE', 'LIMIT', offset, maximum)
  for _, id in ipairs(due) do
    local job_id = id:match('^(.*)%-') or id
    local schema = newer_schema(JOB_PREFIX .. job_id)
    if schema then
      offset = offset + 1
      table.insert(newer, job_id)
      table.insert(newer, schema)
    else
      redis.call('ZADD', WEBHOOKS_DUE, stamp, id)
      table.insert(claimed, id)
      table.insert(claimed, stamp)
    end
  end
until #due < maximum or #claimed > 0 or offset >= 10 * maximum
return {claimed, newer}
