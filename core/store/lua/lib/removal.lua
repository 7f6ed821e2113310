--- @include "lib/indexes"
--- @include "lib/holds"
--- @include "lib/bytes"
--- @include "lib/queue/turns"
--- @include "lib/events"
--- @include "lib/outbox"
--- @include "lib/jobs/batch"
-- Removal of jobs.

-- Remove the pending deliveries, and the entry of the idempotency key, of a record: its `fields`.
local function remove_entries(id, fields)
  -- The key may have expired, and belong to a newer job.
  if fields.idempotency and redis.call('HGET', fields.idempotency, 'job') == id then
    redis.call('DEL', fields.idempotency)
  end
  for event in pairs(cjson.decode(fields.deliveries or '{}')) do
    remove_delivery(fields.caller or ANONYMOUS, id .. '-' .. (WEBHOOK_WORDS[event] or event))
  end
end

-- Remove a record and every entry that names its job. Returns the digests in all of its fields.
local function remove_job(key, id)
  local record = redis.call('HGETALL', key)
  local fields, digests = {}, {}
  for i = 1, #record, 2 do
    fields[record[i]] = record[i + 1]
    for _, digest in ipairs(digests_in(record[i + 1])) do
      table.insert(digests, digest)
      redis.call('ZREM', HELD, digest .. ':' .. id)
    end
  end
  remove_entries(id, fields)
  if fields.status then
    local index = fields.draft and owned_drafts_key or owned_key
    redis.call('ZREM', index(fields.status, fields.owner or ANONYMOUS), id)
    redis.call('ZREM', DRAFTS, id)
  end
  if fields.error then
    local code = cjson.decode(fields.error).code
    redis.call('ZREM', failed_key(code, fields.owner or ANONYMOUS), id)
  end
  redis.call('SREM', unfinished_key(fields.caller or ANONYMOUS), id)
  set_bytes(id, fields.caller or ANONYMOUS, 0)
  leave_queue(key, id)
  redis.call('ZREM', JOBS_RUNNING, id)
  redis.call('UNLINK', key, EVENTS_PREFIX .. id, PREVIEW_PREFIX .. id, LOSSES_PREFIX .. id)
  emit_removal(id)
  if fields.batch then
    redis.call('ZREM', BATCH_JOBS_PREFIX .. fields.batch, id)
    batch_changed(fields.batch, UNFINISHED_STATUSES[fields.status])
  end
  return digests
end
