"""The store on a PostgreSQL server, for control planes."""
