"""What an analyst's action does in ThreatQ: add, look up, mark, whitelist."""
