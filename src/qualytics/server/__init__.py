"""The control plane: the service behind HTTP, for many users."""
