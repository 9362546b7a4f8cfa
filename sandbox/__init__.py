"""A simulated ThreatQ and LogRhythm over real HTTP, and the embedded Redis, to rehearse and to test with."""
