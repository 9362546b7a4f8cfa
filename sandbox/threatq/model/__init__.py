"""What the simulated ThreatQ holds: its store, rows, accounts and behaviour."""
