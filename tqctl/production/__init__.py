"""`tqctl up --production`: a single machine that does the main job for good, its Redis included."""
