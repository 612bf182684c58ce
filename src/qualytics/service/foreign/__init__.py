"""Connections as other tools write them: taken apart, and what their values become here."""
