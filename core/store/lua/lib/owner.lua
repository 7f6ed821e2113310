-- The attempt that owns a job: its number, and the token of its claim. After Redis went back to
-- older data, two attempts may have the same number.
local function owner_of(key)
  local record = redis.call('HMGET', key, 'attempt', 'claim')
  return (record[1] or '0') .. ':' .. (record[2] or '')
end
