"""Scripts for developers: servers for tests, the demo, benchmarks and generated documents."""
