"""Runtime: sends bytes, waits and runs workers. The only part written by hand for both twins.

`_async` uses asyncio, httpcore and websockets; `_sync` uses threads, httpcore, websockets and
websocket-client.
Both have the same public names, parameters and errors. Nothing else in the package imports a
third-party I/O library.
"""
