"""Asynchronous client: calls the core in order and waits. Source of the blocking twin."""
