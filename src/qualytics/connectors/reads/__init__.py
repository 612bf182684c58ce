"""How tables and queries are read, by engine: modules that only the child process of a read imports."""
