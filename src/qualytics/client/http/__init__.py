"""Connections of a control plane, over HTTP."""
