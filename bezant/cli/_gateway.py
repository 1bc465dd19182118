"""Subcommand ``gateway run``: runs the Client Portal Gateway with a verifiable certificate."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

from ..errors import BezantError
from ._gateway_files import Files, data_folder, find_home, find_java

REMOTE: Final = "https://api.ibkr.com"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0


def run(
    home: str,
    *,
    port: int = 5000,
    data: str | None = None,
    remote: str = REMOTE,
    java_options: tuple[str, ...] = (),
    started: Callable[[], object] | None = None,
) -> int:
    """Run IBKR's gateway in the foreground until Ctrl-C or SIGTERM.

    Args:
        home: folder of the unpacked gateway; the command writes nothing there.
        port: port to listen on; 5000 by default.
        data: folder for the configuration and the certificate; None for the default folder, which
            `data_folder` returns.
        remote: URL of IBKR's server that the gateway connects to.
        java_options: additional options of the Java command.
        started: function called when the started gateway responds.

    Returns:
        The exit status: 0 after Ctrl-C or SIGTERM, 1 if the gateway ended by itself.

    Raises:
        BezantError: Java or the gateway is missing, or the gateway does not start.
    """
    where = find_home(home)
    java = find_java()
    _check_port(port)
    files = Files(Path(data).expanduser().resolve() if data else data_folder())
    files.write(port, remote)
    print(f"Starting the Client Portal Gateway in {where}", flush=True)
    stopping = threading.Event()
    with _ending_on_signals(stopping):
        process = subprocess.Popen(
            files.command(java, where, java_options),
            cwd=files.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_until_up(process, port, files, stopping)
            if not stopping.is_set():
                _say_how_to_go_on(port, files)
                if started is not None:
                    started()
            while not stopping.wait(0.2):
                if process.poll() is not None:
                    sys.stderr.write(
                        f"The gateway ended by itself (status {process.returncode}).\n"
                    )
                    return 1
        finally:
            _end(process)
    print("The gateway was stopped.", flush=True)
    return 0


def _check_port(port: int) -> None:
    # The port is checked first. If another program used it, the gateway would run without an error,
    # and the other program would respond to the requests.
    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            hint = " On macOS, AirPlay uses port 5000." if port == 5000 else ""
            raise BezantError(
                f"cannot listen on port {port}: {error.strerror}.{hint} Try --port {port + 1}"
            ) from error


@contextlib.contextmanager
def _ending_on_signals(stopping: threading.Event) -> Generator[None, None, None]:
    def stop(*_signal_and_frame: object) -> None:
        stopping.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _wait_until_up(
    process: subprocess.Popen[bytes], port: int, files: Files, stopping: threading.Event
) -> None:
    context = ssl.create_default_context(cafile=str(files.certificate))
    deadline = time.monotonic() + _START_SECONDS
    while not stopping.wait(0.1):
        if process.poll() is not None:
            raise BezantError(
                f"the gateway ended at once (status {process.returncode}); run its own bin/run.sh "
                "to see its error messages"
            )
        if _responds(port, context):
            return
        if time.monotonic() > deadline:
            raise BezantError(
                f"the gateway did not respond on port {port} within {_START_SECONDS:g} s; run its "
                "own bin/run.sh to see its error messages"
            )


def _responds(port: int, context: ssl.SSLContext) -> bool:
    connection = http.client.HTTPSConnection("localhost", port, timeout=2, context=context)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 302
        except (OSError, http.client.HTTPException):
            return False


def _say_how_to_go_on(port: int, files: Files) -> None:
    url = f"https://localhost:{port}"
    print(
        f"Log in at {url} (your browser does not know the certificate), then\n"
        "\n"
        f'    bezant.Client("{url}/v1/api", verify={str(files.certificate)!r})\n'
        "\n"
        f"    bezant health --gateway {url}/v1/api --verify {files.certificate}\n"
        "\n"
        "The gateway listens on all network interfaces, and its WebSocket does not authenticate\n"
        "clients: keep the port behind your firewall. Stop it with Ctrl-C.",
        flush=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
