"""Taking over from ThreatQuotient's own connectors: what they left behind, and what becomes of it."""
