-- Which job holds which blob: one sorted set of `digest:job id`. All scores are 0, so the jobs
-- that share a blob are neighbours.

-- All digests in a text.
local function digests_in(text)
  local digests = {}
  for word in text:gmatch('%f[%x]%x+%f[%X]') do
    if #word == 64 then
      table.insert(digests, word)
    end
  end
  return digests
end

-- Hold the blobs that a text names.
local function hold_blobs(id, text)
  for _, digest in ipairs(digests_in(text)) do
    redis.call('ZADD', HELD, 0, digest .. ':' .. id)
  end
end

-- Hold the blobs that these fields name for as long as the job exists. `fields` alternates
-- fields and values, beginning at `from`.
local function hold_blobs_of_fields(id, fields, from)
  for i = from, #fields, 2 do
    if HOLDS_BLOBS[fields[i]] then
      hold_blobs(id, fields[i + 1])
    end
  end
end

-- The range of the entries of one digest, for ZRANGE ... BYLEX; ';' follows ':' in ASCII.
local function holder_range(digest)
  return '[' .. digest .. ':', '(' .. digest .. ';'
end
