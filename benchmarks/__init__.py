"""How fast the importer is, beside what it cannot beat (a floor) and what people would use instead (rivals)."""
