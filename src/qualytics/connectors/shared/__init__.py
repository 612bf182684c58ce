"""What the connectors of two or more types use, each under the name of what it is."""
