--- @include "lib/queue/next"
-- Read which job a worker would claim.
-- ARGV  1 memory of the worker in bytes, 2 its precision, each empty if it is not known
-- Returns the job id, or nil.
return (next_job(ARGV[1], ARGV[2]))
