--- @include "lib/load"
-- Read the load of the service.
-- ARGV  1 caller, 2 maximum of the caller's unfinished jobs
-- Returns what current_load returns.
return current_load(ARGV[1], ARGV[2])
