--- @include "lib/time"
-- The outbox (core/store/webhooks/outbox.py): the pending deliveries of each caller, and the callers.

-- The key of a caller's pending deliveries.
local function pending_key(caller)
  return WEBHOOKS_PENDING_PREFIX .. caller
end

-- The key of the record that a delivery belongs to; nil if the job or batch was removed.
local function record_key(delivery)
  local id = delivery:match('^(.*)%-') or delivery
  for _, key in ipairs({JOB_PREFIX .. id, BATCH_PREFIX .. id}) do
    if redis.call('EXISTS', key) == 1 then
      return key
    end
  end
  return nil
end

-- Have the dispatcher look at a caller when its next delivery is due.
local function schedule_caller(caller)
  local first = redis.call('ZRANGE', pending_key(caller), 0, 0, 'WITHSCORES')
  if first[1] then
    redis.call('ZADD', WEBHOOKS_CALLERS, first[2], caller)
  else
    redis.call('ZREM', WEBHOOKS_CALLERS, caller)
  end
end

-- Set the time of the next attempt of a delivery.
local function schedule_delivery(caller, id, due)
  redis.call('ZADD', pending_key(caller), due, id)
  schedule_caller(caller)
end

-- Remove a delivery that is settled, or whose job is removed.
local function remove_delivery(caller, id)
  redis.call('ZREM', pending_key(caller), id)
  schedule_caller(caller)
end
