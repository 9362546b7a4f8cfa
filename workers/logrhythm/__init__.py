"""The client of the LogRhythm Admin API."""
