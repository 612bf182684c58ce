"""What writes the generated documents, runs the demo and verifies connection types."""
