"""Saved connections inside of other programs, one module for each; nothing here is imported by the rest."""
