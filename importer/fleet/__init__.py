"""Many directories on many machines: one ledger in PostgreSQL, a queue beside it, workers that take directories."""
