"""Signing in to a control plane, for the commands of `qualytics auth`."""
