"""One file of this folder is one connection type."""
