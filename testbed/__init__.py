"""Real servers, emulators and the control plane that tests, the demo and benchmarks start."""
