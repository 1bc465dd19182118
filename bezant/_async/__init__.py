"""One of two clients: `_async` is asynchronous; `_sync` is blocking, and generated from `_async`.

This package sends the requests and waits. The package `_core` has the rules, and does no I/O.
"""
