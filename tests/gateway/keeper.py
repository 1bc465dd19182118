"""Runs a command until standard input ends, which happens however the parent process ends.

The real gateway listens on every interface, so that gateway must not outlive the tests, even if the
tests are killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command, print its process id, and stop it with SIGTERM when standard input ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    print(process.pid, flush=True)  # noqa: T201 - for the parent

    def watch() -> None:
        # `os._exit` is necessary, because the thread's blocked read would keep this interpreter
        # from ending.
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
