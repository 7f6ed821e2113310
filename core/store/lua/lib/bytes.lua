-- How many bytes each caller's jobs have in the blob store: uploads, checkpoints and results.
-- A file that several jobs share counts for each of them.

-- Set the bytes of a job.
local function set_bytes(id, caller, bytes)
  local entry = id .. ':' .. caller
  local change = bytes - tonumber(redis.call('HGET', STORED, entry) or '0')
  if change == 0 then
    return
  end
  if bytes == 0 then
    redis.call('HDEL', STORED, entry)
  else
    redis.call('HSET', STORED, entry, string.format('%.0f', bytes))
  end
  change = string.format('%.0f', change)
  if redis.call('HINCRBY', STORED_BY_CALLER, caller, change) <= 0 then
    redis.call('HDEL', STORED_BY_CALLER, caller)
  end
  redis.call('HINCRBY', COUNTS, STORED_BYTES, change)
end

-- Count the files that a record names.
local function count_bytes(key, id)
  local bytes = tonumber(redis.call('HGET', key, 'checkpoint_bytes') or '0')
  for field in pairs(HOLDS_BLOBS) do
    local text = redis.call('HGET', key, field) or ''
    for size in text:gmatch('"size_bytes":%s*(%d+)') do
      bytes = bytes + tonumber(size)
    end
  end
  set_bytes(id, redis.call('HGET', key, 'caller') or ANONYMOUS, bytes)
end

-- Count the files of a record if these fields, which were just written, name some. `fields`
-- alternates fields and values, beginning at `from`.
local function count_bytes_of_fields(key, id, fields, from)
  for i = from, #fields, 2 do
    if HOLDS_BLOBS[fields[i]] or fields[i] == 'checkpoint_bytes' then
      return count_bytes(key, id)
    end
  end
end
