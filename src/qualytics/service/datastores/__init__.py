"""Datastores, as far as connections need them, and operations on them."""
