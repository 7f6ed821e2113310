#!lua flags=allow-oom
--- @include "lib/outbox"
--- @include "lib/schema"
-- Claim the deliveries that are due for a while, so that the next call returns others. Callers
-- take turns, and one with the maximum of active attempts is passed over.
-- ARGV  1 duration of a claim in seconds, 2 maximum of deliveries, 3 maximum for one caller,
--       4 maximum of a caller's active attempts, 5 maximum of callers to look at
-- Returns delivery ids and stamps, alternating, and the jobs with newer records and their schema
-- versions, alternating. The stamp identifies the claim.
local time = now()
local stamp = timestamp(time + ARGV[1])
local maximum = tonumber(ARGV[2])
local share = tonumber(ARGV[3])
local claimed, newer = {}, {}

local function claim_of(caller, room)
  local key = pending_key(caller)
  local offset = 0  -- skips the deliveries of newer records
  repeat
    local due = redis.call('ZRANGE', key, '-inf', time, 'BYSCORE', 'LIMIT', offset, room)
    for _, id in ipairs(due) do
      local record = record_key(id)
      local schema = record and newer_schema(record)
      if not record then
        redis.call('ZREM', key, id)
      elseif schema then
        offset = offset + 1
        table.insert(newer, record)
        table.insert(newer, schema)
      else
        redis.call('ZADD', key, stamp, id)
        table.insert(claimed, id)
        table.insert(claimed, stamp)
        room = room - 1
      end
    end
  until #due == 0 or room <= 0 or offset >= 10 * maximum
end

local callers = redis.call('ZRANGE', WEBHOOKS_CALLERS, '-inf', time, 'BYSCORE',
                           'LIMIT', 0, ARGV[5])
for _, caller in ipairs(callers) do
  local room = math.min(share, maximum - #claimed / 2)
  if room <= 0 then
    break
  end
  local active = redis.call('ZCOUNT', WEBHOOKS_ACTIVE_PREFIX .. caller, time, '+inf')
  if active < tonumber(ARGV[4]) then
    claim_of(caller, room)
  end
  local first = redis.call('ZRANGE', pending_key(caller), 0, 0, 'WITHSCORES')
  if first[1] then  -- if more is due, after the other callers
    redis.call('ZADD', WEBHOOKS_CALLERS, math.max(tonumber(first[2]), time), caller)
  else
    redis.call('ZREM', WEBHOOKS_CALLERS, caller)
  end
end
return {claimed, newer}
