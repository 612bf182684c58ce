"""The side of a test that starts the child process, reads what it says and ends it."""
