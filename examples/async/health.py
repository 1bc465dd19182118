"""Check that the gateway is running and that its session can be used.

Start the Client Portal Gateway, log in at its page in a browser, then:

    python examples/async/health.py

Set `IBKR_GATEWAY_URL` if the gateway is not at `https://localhost:5000/v1/api`.
"""

import sys

import bezant


async def main() -> int:
    """Print the session's flags; return the exit code: 0 if the session can be used, else 2."""
    async with bezant.AsyncClient() as client:
        try:
            status = await client.health()
        except bezant.BezantError as error:
            print(error, file=sys.stderr)
            return 2
    print("The session is ready.")
    print(f"authenticated: {status.authenticated}")
    print(f"established:   {status.established}")
    print(f"connected:     {status.connected}")
    print(f"competing:     {status.competing}")
    return 0


if __name__ == "__main__":
    # <async-only>
    import asyncio

    raise SystemExit(asyncio.run(main()))
    # </async-only>
    # <sync-only>
    # raise SystemExit(main())
    # </sync-only>
