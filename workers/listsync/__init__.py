"""From a ThreatQ data collection to LogRhythm lists: which there are, what belongs into them, what has to change."""
