"""The client of the ThreatQ REST API."""
