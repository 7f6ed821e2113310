"""Long polls and event streams: one reader and one event follower for each process."""
