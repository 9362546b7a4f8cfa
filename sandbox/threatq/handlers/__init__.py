"""The simulated ThreatQ's endpoints, one family a file."""
