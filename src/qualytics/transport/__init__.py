"""HTTP to a server that somebody has named: the control plane of a client, the provider of a sign-in."""
