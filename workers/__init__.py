"""What does the work: the contract, the ledger, the domain, the clients and the Celery tasks."""
