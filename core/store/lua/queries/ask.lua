-- How busy the service is.
-- KEYS  1 jobs queued, 2 run seconds
-- ARGV  1 caller, 2 most unfinished jobs of the caller
-- Gives what load_of does.
return load_of(ARGV[1], ARGV[2], KEYS[1], KEYS[2])
