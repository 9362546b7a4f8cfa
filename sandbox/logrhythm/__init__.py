"""A simulated LogRhythm Admin API: its lists, its people, its traps and its faults."""
