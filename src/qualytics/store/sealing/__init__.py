"""Secrets at rest: the cipher, the keys, and which values are sealed."""
