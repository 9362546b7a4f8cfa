"""The plots of `docs/explanation/performance.md`, drawn from what `make bench` measured."""
