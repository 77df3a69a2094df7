"""The official metrics, depth metrics, bootstrap and benchmarks."""
