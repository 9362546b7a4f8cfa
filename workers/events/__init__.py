"""The handler of the queue events: from claimed jobs to events in ThreatQ."""
