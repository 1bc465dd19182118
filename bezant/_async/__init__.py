"""The asynchronous client, from which the blocking client (`bezant._sync`) is generated.

This package sends requests and waits for responses. The rules, such as when a request may be sent,
are in the package `_core`, which does no I/O.
"""
