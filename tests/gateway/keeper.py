"""Program that runs a command until its own standard input ends.

The input is a pipe from the tests, which also ends if they are killed. The real gateway listens on
every network interface, so it must not outlive the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command, print its process id, and terminate it when standard input ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    print(process.pid, flush=True)  # noqa: T201 - for the parent

    def watch() -> None:
        # The main thread is blocked in its read of standard input, so only `os._exit` ends this
        # program.
        os._exit(process.wait() % 256)

    threading.Thread(target=watch, daemon=True).start()
    sys.stdin.buffer.read()
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() % 256


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
