"""From a ThreatQ data collection to LogRhythm lists: mapping, plan, apply."""
