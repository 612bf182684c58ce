"""Data through a connection: children read partitions in parallel; what they send is one stream with a receipt."""
