"""Run the soak tests and print their figures: ``python -m benchmarks.soak``."""

from __future__ import annotations

import argparse
import importlib
import logging
import time

from benchmarks._setting import clean_environment

SUBJECTS = ["storm", "days", "week", "limits", "priority", "attack"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small size, for CI")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=SUBJECTS, metavar="SUBJECT")
    options = parser.parse_args()
    clean_environment()
    logging.disable(logging.ERROR)  # the injected faults would fill the log
    begin = time.monotonic()
    for name in options.only:
        subject = importlib.import_module(f"benchmarks.soak.{name}")
        for what, figure in subject.figures(quick=options.quick):
            print(f"{time.monotonic() - begin:6.1f} s  {what:<44} {figure}", flush=True)


if __name__ == "__main__":
    main()
