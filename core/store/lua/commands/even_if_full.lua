#!lua flags=allow-oom
-- Run a command, even one that Redis refuses while it is full.
-- ARGV  the command and its arguments
-- Returns its reply.
return redis.call(unpack(ARGV))
