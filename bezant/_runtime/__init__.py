"""The one hand-written pair: waiting, moving bytes and running things beside, in two forms.

`_async` stands on asyncio, httpx and websockets; `_sync` on threads, httpx and websocket-client.
Both have the same public names, parameters and errors. Nothing else in the package imports a
third-party I/O library.
"""
