"""The store in one SQLite file of the user's own."""
