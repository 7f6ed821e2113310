-- Which job needs which blob: one sorted set of `digest:job id`, all scores 0, so that the jobs
-- that share a blob lie side by side. Put before the scripts that use it.
local function digests_in(text)
  local digests = {}
  for word in text:gmatch('%f[%x]%x+%f[%X]') do
    if #word == 64 then
      table.insert(digests, word)
    end
  end
  return digests
end

local function hold(id, text)
  for _, digest in ipairs(digests_in(text)) do
    redis.call('ZADD', 'easel:held', 0, digest .. ':' .. id)
  end
end

-- Hold what those of the fields name that count for good. A checkpoint does not.
local function hold_fields(id, fields, from)
  for at = from, #fields, 2 do
    if fields[at] == 'inputs' or fields[at] == 'result' or fields[at] == 'preview' then
      hold(id, fields[at + 1])
    end
  end
end
