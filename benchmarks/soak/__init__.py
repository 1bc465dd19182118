"""Soak tests: hours of faults, outages and rate limits, compressed into minutes."""
