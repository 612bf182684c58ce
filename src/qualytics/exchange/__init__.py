"""Connections in files: out of a store and into one, and in from other tools."""
