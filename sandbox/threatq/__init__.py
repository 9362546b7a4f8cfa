"""A simulated ThreatQ over real HTTP, with its quirks and, on request, its bad days."""
