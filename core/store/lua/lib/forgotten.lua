-- Remove a record, and all that names its job. Put behind listed.lua and held.lua, before the
-- scripts that use it. Gives the digests that the record named, in whatever field.
local function forget(key, id)
  local record = redis.call('HGETALL', key)
  local fields, digests = {}, {}
  for at = 1, #record, 2 do
    fields[record[at]] = record[at + 1]
    for _, digest in ipairs(digests_in(record[at + 1])) do
      table.insert(digests, digest)
      redis.call('ZREM', 'easel:held', digest .. ':' .. id)
    end
  end
  if fields.idempotency then
    redis.call('DEL', fields.idempotency)
  end
  if fields.status then
    redis.call('ZREM', listed(fields.status, fields.owner or 'anonymous'), id)
  end
  redis.call('SREM', unfinished(fields.caller or 'anonymous'), id)
  redis.call('ZREM', 'easel:jobs:queued', id)
  redis.call('ZREM', 'easel:jobs:running', id)
  redis.call('UNLINK', key, 'easel:events:' .. id, 'easel:preview:' .. id)
  -- Those who wait for the job hear of it.
  redis.call('XADD', 'easel:events', 'MAXLEN', '~', 2000, '*', 'job', id, 'event', 'gone')
  return digests
end
