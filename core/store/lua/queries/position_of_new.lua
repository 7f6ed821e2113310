--- @include "lib/time"
--- @include "lib/queue/position"
-- Read where a new job would wait.
-- ARGV  1 caller, 2 priority
-- Returns the number of queued jobs that would go before it.
return position_of_new(ARGV[1], now() - HEAD_STARTS[ARGV[2]])
