"""Kill, starve and mislead segdrone, and count how often it keeps its promises: python -m benchmarks.torture --help."""
