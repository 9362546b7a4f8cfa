"""Backup and restore of what the ledger holds: a stream of typed values that each Redis from 7.0 on takes back."""
