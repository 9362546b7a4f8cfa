"""A run of the list sync: read, plan, write, in short pieces that any worker can go on with."""
