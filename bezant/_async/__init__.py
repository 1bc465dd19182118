"""One of the two clients; the blocking client is generated from the asynchronous client.

This package sends the requests and waits. The package `_core` has the rules, and does no I/O.
"""
