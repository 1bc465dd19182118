"""Command line program ``bezant``, also ``python -m bezant``: parses the arguments."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from collections.abc import Sequence

from ._version import __version__

_FAILED = 1
_UNUSABLE = 2
_INTERRUPTED = 130

_SIMULATION = ("starlette", "trustme", "uvicorn")

_GATEWAY_HELP = "the gateway's address, such as https://localhost:5000/v1/api"
_VERIFY_HELP = (
    "check the gateway's certificate: auto (all but loopback hosts, the default), true, false, or "
    "the path of a file of CA certificates"
)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    # The longest timeout that a client accepts is 2,000,000 seconds.
    if not 0 < value <= 2_000_000:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds above 0 and up to 2,000,000, not {text!r}"
        )
    return value


def _whole(text: str, most: float, said: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise argparse.ArgumentTypeError(f"must be {said}, not {text!r}")
    return value


def _count(text: str) -> int:
    return _whole(text, math.inf, "a whole number of at least 0")


def _port(text: str) -> int:
    return _whole(text, 65_535, "a port from 0 to 65535")


def _verify(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text.lower(), text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bezant",
        description="A typed client for Interactive Brokers' Client Portal Web API.",
        epilog="bezant COMMAND --help shows the options. Start without an account: bezant demo",
    )
    parser.add_argument("--version", action="version", version=f"bezant {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    demo = commands.add_parser(
        "demo",
        help="show the library at work, on a simulated gateway or on yours",
        description=(
            "Shows the library at work twice, blocking and with asyncio. It places no orders. "
            "Without --gateway it starts a simulated gateway, which needs no account. "
            "IBKR_ACCOUNT_ID chooses the account (by default the first), IBKR_SYMBOL the stock "
            "(by default AAPL)."
        ),
    )
    demo.add_argument("--gateway", metavar="URL", help=_GATEWAY_HELP)
    demo.add_argument(
        "--seconds", type=_seconds, default=3.0, metavar="N", help="how long each stream is (3)"
    )
    demo.add_argument(
        "--positions",
        type=_count,
        default=250,
        metavar="N",
        help="positions in the simulated account (250)",
    )
    demo.add_argument("--verify", type=_verify, default="auto", help=_VERIFY_HELP)

    sim = commands.add_parser(
        "sim",
        help="run a simulated gateway until Ctrl-C",
        description=(
            "Runs a simulated gateway on this machine until Ctrl-C. Its control endpoint, whose "
            "address it prints, changes prices, the session and faults."
        ),
    )
    sim.add_argument("--port", type=_port, default=5000, metavar="N", help="0 for any (5000)")
    sim.add_argument(
        "--positions", type=_count, default=0, metavar="N", help="random positions (0)"
    )
    sim.add_argument(
        "--demo-orders", action="store_true", help="two orders that change from time to time"
    )
    sim.add_argument("--seed", type=int, default=0, metavar="N", help="seed of its random data (0)")
    sim.add_argument(
        "--scenario", metavar="FILE", help="TOML file with positions, prices, cash and orders"
    )
    sim.add_argument(
        "--time",
        default="live",
        metavar="HOW",
        help="live, fast=60 (a minute in a second), or hand: moved by the control endpoint (live)",
    )
    sim.add_argument(
        "--pacing",
        choices=("off", "enforced"),
        default="off",
        help="whether requests beyond IBKR's rate limits get a 429 (off)",
    )

    health = commands.add_parser(
        "health",
        help="check whether the gateway's session can be used",
        description=(
            "Prints whether you are logged in, and the brokerage session's flags. Exit status: "
            "0 if the session can be used, 2 if it cannot or no gateway responds, 1 for an invalid "
            "argument. The address comes from --gateway, BEZANT_GATEWAY_URL or "
            "IBKR_GATEWAY_URL, else it is https://localhost:5000/v1/api."
        ),
    )
    health.add_argument("--gateway", metavar="URL", help=_GATEWAY_HELP)
    health.add_argument("--verify", type=_verify, default="auto", help=_VERIFY_HELP)
    health.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="N", help="seconds for each call (30)"
    )
    health.add_argument(
        "--json", action="store_true", help="print the result, also an error, as one JSON object"
    )

    gateway = commands.add_parser(
        "gateway",
        help="run the Client Portal Gateway that you downloaded from IBKR",
        description="Runs IBKR's Client Portal Gateway, which needs Java and a login in a browser.",
    )
    actions = gateway.add_subparsers(dest="action", metavar="action", required=True)
    run = actions.add_parser(
        "run",
        help="run it until Ctrl-C",
        description=(
            "Runs the gateway until Ctrl-C, with a certificate for localhost that is made at each "
            "start, so that clients can verify it. Nothing is written to its own folder."
        ),
    )
    run.add_argument(
        "--home", metavar="DIR", required=True, help="the folder of the unpacked gateway"
    )
    run.add_argument("--port", type=_port, default=5000, metavar="N", help="(5000)")
    run.add_argument(
        "--data",
        metavar="DIR",
        help="for its configuration and certificate; by default in your own data folder",
    )
    return parser


def _complain(message: str) -> None:
    sys.stderr.write(f"bezant: {' '.join(message.split())}\n")


def _missing(*packages: str) -> bool:
    """Return whether any of the packages is missing; if so, print how to install them."""
    for name in packages:
        try:
            importlib.import_module(name)
        except ImportError:
            _complain(f'this needs {name}; install it with: pip install "bezant[all]"')
            return True
    return False


def _demo(options: argparse.Namespace) -> int:
    simulated = options.gateway is None
    if _missing("rich", *(_SIMULATION if simulated else ())):
        return _UNUSABLE
    from .cli import _demo as demo

    return demo.run(
        options.gateway,
        seconds=options.seconds,
        positions=options.positions,
        verify=options.verify,
    )


def _sim(options: argparse.Namespace) -> int:
    if _missing(*_SIMULATION):
        return _UNUSABLE
    from .sim import _command as sim

    return sim.run(
        options.port,
        positions=options.positions,
        demo_orders=options.demo_orders,
        seed=options.seed,
        scenario=options.scenario,
        time=options.time,
        pacing=options.pacing,
    )


def _health(options: argparse.Namespace) -> int:
    from .cli import _health as health

    return health.run(
        options.gateway, verify=options.verify, timeout=options.timeout, as_json=options.json
    )


def _gateway(options: argparse.Namespace) -> int:
    from .cli import _gateway as gateway

    return gateway.run(options.home, port=options.port, data=options.data)


_COMMANDS = {"demo": _demo, "sim": _sim, "health": _health, "gateway": _gateway}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: command line arguments, without the program's name; None for those of this process.

    Returns:
        The exit status: 0 if the command succeeded; 2 if no gateway responds, the session cannot be
        used or a package is missing; 1 for any other error; 130 after Ctrl-C.
    """
    options = _parser().parse_args(argv)
    from .errors import BezantError, HttpError, SessionError

    try:
        return _COMMANDS[options.command](options)
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except (HttpError, SessionError) as error:
        _complain(str(error))
        return _UNUSABLE
    except (BezantError, OSError) as error:
        _complain(str(error))
        return _FAILED


if __name__ == "__main__":
    raise SystemExit(main())
