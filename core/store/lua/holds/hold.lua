-- Say that a job needs blobs, before they are written.
-- KEYS  1 what is held
-- ARGV  1 job id, then digests
-- Gives how many of them are being removed at this moment; if any, nothing is held yet.
local leaving = 0
for at = 2, #ARGV do
  leaving = leaving + redis.call('EXISTS', 'easel:leaving:' .. ARGV[at])
end
for at = 2, leaving == 0 and #ARGV or 0 do
  hold(ARGV[1], ARGV[at])
end
return leaving
