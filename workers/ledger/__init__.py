"""The ledger: the durable record of every job, and the only place that knows our Redis keys."""
