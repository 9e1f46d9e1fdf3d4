"""Story one, in columns and pure: a sheet becomes checked, deduplicated, planned operations."""
