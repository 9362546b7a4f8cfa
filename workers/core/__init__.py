"""Errors, the job contract and small helpers, each importable alone."""
