"""Runtime: sends bytes, waits and runs workers. One version is for asyncio, one for threads.

Both versions are written by hand, whereas the rest of the blocking client is generated. `_async`
uses asyncio, httpcore and websockets; `_sync` uses threads, httpcore, websockets and
websocket-client. Both have the same public names, parameters and errors. Nothing else in the
package imports a third-party I/O library.
"""
