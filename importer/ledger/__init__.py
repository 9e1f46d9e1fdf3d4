"""The ledger: what was staged, what was done, what is in doubt; the only place where the two stories meet."""
