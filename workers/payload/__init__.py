"""The Events Builder dialect: from what a detection sent to the plan of an event."""
