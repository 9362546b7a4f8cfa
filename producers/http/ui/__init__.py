"""The status page: what the ledger holds, for a person with a browser."""
