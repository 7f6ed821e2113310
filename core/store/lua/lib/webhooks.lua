--- @include "lib/time"
--- @include "lib/outbox"
-- Webhook deliveries (core/store/webhooks/outbox.py).

-- Add a delivery to the outbox if the job or batch has a webhook for the event.
local function add_delivery(key, id, event)
  local webhook = redis.call('HGET', key, 'webhook')
  if not webhook then
    return
  end
  local deliveries = cjson.decode(redis.call('HGET', key, 'deliveries') or '{}')
  for _, delivery in pairs(deliveries) do
    if delivery.state == DELIVERY_STOPPED then
      return  -- the receiver wants no more events of this job
    end
  end
  for _, subscribed in ipairs(cjson.decode(webhook).events) do
    if subscribed == event and not deliveries[event] then  -- only the first start is sent
      local due = now()
      deliveries[event] = {state = DELIVERY_PENDING, attempts = 0, next_attempt_at = due}
      redis.call('HSET', key, 'deliveries', cjson.encode(deliveries))
      local caller = redis.call('HGET', key, 'caller') or ANONYMOUS
      schedule_delivery(caller, id .. '-' .. WEBHOOK_WORDS[event], timestamp(due))
    end
  end
end
