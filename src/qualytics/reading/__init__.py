"""Data through a connection: children read partitions in parallel, and what they send becomes one stream with a receipt."""
