"""Time and memory of Better API on this machine: `make bench`."""
