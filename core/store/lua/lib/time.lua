-- The server's clock, so that hosts need not agree on theirs.

-- The current time in seconds since 1970.
local function now()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1e6
end

-- A time as records and scores store it.
local function timestamp(seconds)
  return string.format('%.6f', seconds)
end
