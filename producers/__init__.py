"""The producers: each turns one kind of request into a job in the ledger and does nothing else."""
