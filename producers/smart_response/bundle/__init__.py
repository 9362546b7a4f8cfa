"""The SmartResponse plugin: LogRhythm's description of the six actions, packed as its console imports it."""
