-- How busy the service is.
-- KEYS  1 jobs queued, 2 jobs running, 3 run seconds
-- ARGV  1 caller
-- Gives what load_of does.
return load_of(ARGV[1], KEYS[1], KEYS[2], KEYS[3])
