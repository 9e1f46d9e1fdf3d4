"""The directory's API, emulated; an island that imports nothing of the importer."""
