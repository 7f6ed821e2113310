--- @include "lib/holds"
-- Hold blobs for a job, before they are written.
-- ARGV  1 job id, 2 ... digests
-- Returns how many of them are being removed at the moment; if any, no blob is held.
local leaving = 0
for i = 2, #ARGV do
  leaving = leaving + redis.call('EXISTS', LEAVING_PREFIX .. ARGV[i])
end
if leaving == 0 then
  for i = 2, #ARGV do
    hold_blobs(ARGV[1], ARGV[i])
  end
end
return leaving
