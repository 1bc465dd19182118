"""Benchmark of market data streams, from the socket to the typed messages that the user gets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence

from benchmarks._setting import Setting
from benchmarks._sources import (
    Asynchronous,
    BareAsynchronous,
    BareBlocking,
    Blocking,
    Ibind,
    Source,
    rate,
)
from benchmarks._table import Row, duration
from benchmarks._timing import Measure, percentile, ratios, spread, take_turns

# Messages in a burst. ibind's buffer holds at most 10,000 messages, so a burst must be smaller.
BURST = 8000
RATE = 5000
# bezant's time per message may be at most this many times that of the bare library (first), and of
# ibind, for text frames (second line).
BARE_LIMIT = 1.6
BLOCKING_LIMIT, ASYNC_LIMIT = 1 / 5, 1 / 8


def rows(setting: Setting) -> Iterator[Row]:
    logging.getLogger("ibind").setLevel(logging.CRITICAL)
    with asyncio.Runner() as runner:
        sources: list[Source] = [
            Blocking(setting),
            Asynchronous(setting, runner),
            BareBlocking(setting),
            BareAsynchronous(setting, runner),
            Ibind(setting, synchronous=False),
            Ibind(setting, synchronous=True),
        ]
        try:
            yield from _bursts(setting, sources, "text")
            yield from _bursts(setting, sources[:4], "binary")
            yield from _latencies(setting, sources)
        finally:
            for each in sources:
                each.close()


def _bursts(setting: Setting, sources: Sequence[Source], kind: str) -> Iterator[Row]:
    count = 1000 if setting.quick else BURST

    def measure(source: Source) -> Measure:
        return lambda: rate(source, setting, kind, count)

    measures = {each.name: measure(each) for each in sources}
    for each in measures.values():
        each()
    found = take_turns(measures, setting.rounds(15))
    for ours, how, bare, limit in (
        ("bezant", "blocking", "websocket-client", BLOCKING_LIMIT),
        ("bezant-async", "async", "websockets", ASYNC_LIMIT),
    ):
        cost = spread(found[ours]).middle
        for peer in (bare, "ibind", "ibind-synchronous"):
            if peer in found:
                yield Row(
                    "streams",
                    f"{kind} frames, {how}",
                    peer,
                    ratios(found[ours], found[peer]),
                    ours=f"{1 / cost:,.0f} per second",
                    limit=BARE_LIMIT if peer == bare else limit,
                )


def _latencies(setting: Setting, sources: Sequence[Source]) -> Iterator[Row]:
    count = setting.number(RATE)

    def measure(source: Source) -> Measure:
        def once() -> float:
            late: list[int] = []
            source.receive(
                count,
                lambda: setting.start("pace", source.name, count=count, rate=RATE),
                lambda stamp: late.append(time.monotonic_ns() - int(stamp)),
            )
            return percentile(late, 99) / 1e9

        return once

    found = take_turns({each.name: measure(each) for each in sources}, setting.rounds(7))
    for ours, how, bare in (
        ("bezant", "blocking", "websocket-client"),
        ("bezant-async", "async", "websockets"),
    ):
        cost = duration(spread(found[ours]).middle)
        for peer in (bare, "ibind", "ibind-synchronous"):
            yield Row(
                "streams",
                f"99th percentile of latency at {RATE:,} per second, {how}",
                peer,
                ratios(found[ours], found[peer]),
                ours=cost,
            )
