--- @include "lib/queue/next"
-- Read which job a worker would claim.
-- ARGV  1 memory of the worker in bytes, 2 its precision, each empty if it is not known, 3 ids of
--       the jobs that it avoids
-- Returns the job id, or nil.
return (next_job(ARGV[1], ARGV[2], ARGV[3]))
