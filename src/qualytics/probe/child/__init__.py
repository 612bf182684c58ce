"""The side of a test that runs in the child process, beside the driver and whatever the server sends."""
