"""Every figure of `docs/performance.md`, measured beside a floor: `python -m bench`."""
