"""Connections: checked, stored, changed, deleted, tested, and what they can see."""
