"""A base backup, the WAL that follows it, and the database at a moment of its past."""
