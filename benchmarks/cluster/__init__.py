"""Measurements on Ray Serve: `python -m benchmarks.cluster`, with the extra `cluster`."""
