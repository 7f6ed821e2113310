--- @include "lib/time"
--- @include "lib/bytes"
--- @include "lib/indexes"
--- @include "lib/webhooks"
--- @include "lib/statistics"
--- @include "lib/jobs/batch"
-- Changes of status. All scripts use set_status, so indexes, outbox and statistics stay
-- consistent with the record.

local function set_status(key, id, status)
  local record = redis.call('HMGET', key, 'owner', 'status', 'caller', 'batch', 'draft')
  local owner, previous, caller = record[1] or ANONYMOUS, record[2], record[3] or ANONYMOUS
  local index = record[5] and owned_drafts_key or owned_key
  if previous then
    redis.call('ZREM', index(previous, owner), id)
  end
  redis.call('HSET', key, 'status', status)
  if status == STATUS_QUEUED then
    redis.call('HSET', key, 'queued_at', timestamp(now()))
  end
  redis.call('ZADD', index(status, owner), 0, id)
  redis.call(UNFINISHED_STATUSES[status] and 'SADD' or 'SREM', unfinished_key(caller), id)
  if WEBHOOK_EVENTS[status] then
    add_delivery(key, id, WEBHOOK_EVENTS[status])
  end
  count_status(key, previous, status)
  if previous and record[4] then
    batch_changed(record[4], not UNFINISHED_STATUSES[status])
  end
end

-- Set a final status and the end time, and remove what the attempts wrote.
local function finish(key, id, status, time)
  set_status(key, id, status)
  redis.call('ZREM', DRAFTS, id)
  redis.call('HSET', key, 'finished_at', timestamp(time))
  redis.call('HDEL', key, unpack(ATTEMPT_FIELDS))
  count_bytes(key, id)
end
