#!lua flags=allow-oom
-- End the removal of blobs, so that jobs can hold them again.
-- ARGV  1 token of the removal, 2 ... digests
for i = 2, #ARGV do
  -- After the time limit, another removal may have begun.
  if redis.call('GET', LEAVING_PREFIX .. ARGV[i]) == ARGV[1] then
    redis.call('DEL', LEAVING_PREFIX .. ARGV[i])
  end
end
