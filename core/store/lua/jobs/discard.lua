-- Remove a job that is still queued, and that nobody was told of.
-- KEYS  1 job
-- ARGV  1 job id
-- Gives the digests that its record named.
local held = redis.call('HMGET', KEYS[1], 'status', 'replayed')
if held[1] ~= 'queued' or held[2] then
  return {}
end
return forget(KEYS[1], ARGV[1])
