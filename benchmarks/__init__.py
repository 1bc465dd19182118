"""Benchmarks of bezant and comparable libraries: ``nox -s bench``."""
