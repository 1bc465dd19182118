"""Run the benchmarks and print one table; ``--write`` writes the table to docs/benchmarks.md."""

from __future__ import annotations

import argparse
import importlib
import time

from benchmarks import against
from benchmarks._report import write
from benchmarks._setting import clean_environment, served
from benchmarks._table import Row, text

SUBJECTS = [
    "server",
    "calls",
    "layers",
    "decoding",
    "streams",
    "starting",
    "bulk",
    "memory",
    "growth",
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that everything works")
    parser.add_argument("--write", action="store_true", help="put the table into the documents")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=SUBJECTS, metavar="SUBJECT")
    parser.add_argument(
        "--against", metavar="REV", help="measure bezant at another commit instead of its peers"
    )
    options = parser.parse_args()
    clean_environment()
    rows: list[Row] = []
    with served(quick=options.quick) as setting:
        if options.against:
            print(text(list(against.rows(setting, options.against))))
            return
        for name in options.only:
            begin = time.monotonic()
            rows += importlib.import_module(f"benchmarks.{name}").rows(setting)
            print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    print(text(rows))
    if options.quick:
        print("quick run: the samples are too small for the figures to mean anything")
    if options.write:
        write(rows)


if __name__ == "__main__":
    main()
