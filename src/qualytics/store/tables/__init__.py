"""Rows of the store, one module an aggregate."""
