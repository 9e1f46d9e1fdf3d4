"""From the ledger to people and programs."""
