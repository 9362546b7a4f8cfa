"""Starts the simulated services, Redis and our own processes: `make demo`, `make up` and the tests."""
