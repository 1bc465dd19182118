"""Tests that the interpreter does not crash if several threads use a type for the first time."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import textwrap
import threading
import time
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bezant
import bezant.models
from bezant._core.decoding import inspection
from bezant._core.decoding.decoder import decode
from bezant._core.decoding.inspection import convert, inspect
from bezant._runtime._shared.inspection import lock_inspections
from bezant.models._base import Model

lock_inspections()
ROOT = Path(bezant.__file__).parents[1]

# All threads decode all models in the same order and with all fields. Without the lock, a thread
# would use msgspec's description of a type before another thread has completed it.
RACE = """
    import importlib, pkgutil, random, sys, threading
    import bezant.models as models
    from bezant import Client, DecodeError
    from bezant._core.decoding.decoder import decode, convert_row
    from bezant.models._base import Model

    for each in pkgutil.iter_modules(models.__path__):
        importlib.import_module(f"bezant.models.{each.name}")
    found = sorted(Model.__subclasses__(), key=lambda each: each.__name__)
    random.Random(int(sys.argv[1])).shuffle(found)
    values = ("[{}]", "{}", '"1"')
    barrier = threading.Barrier(8)
    sys.setswitchinterval(1e-5)

    def report(_):
        pass

    def work(number):
        barrier.wait()
        for kind in found:
            fields = kind.__struct_encode_fields__
            body = ",".join(f'"{name}":{values[at % 3]}' for at, name in enumerate(fields))
            try:
                if number % 4:
                    decode(b"{%s}" % body.encode(), kind, operation="GET /x", report=report)
                else:
                    convert_row(dict.fromkeys(fields, [{}]), kind, operation="x", report=report)
            except (DecodeError, TypeError):  # TypeError: a model of requests
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("done", len(found))
"""


def test_first_uses_of_a_type_at_once() -> None:
    # Without bezant's lock, more than half of these processes crash.
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", textwrap.dedent(RACE), str(seed)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(6)
    ]
    for child in children:
        out, err = child.communicate(timeout=600)
        assert child.returncode == 0, err
        assert out.startswith("done")


CALLS = """
    import sys, threading
    from concurrent.futures import ThreadPoolExecutor
    from bezant import Client, Position
    from bezant.sim import SimulatedGateway

    sys.setswitchinterval(1e-5)
    with SimulatedGateway() as gateway, Client(gateway.base_url, pacing=False) as client:
        calls = [client.accounts, client.health, client.api.orders.get_open_orders] * 4
        with client.map(lambda call: call(), calls, concurrency=12) as outcomes:
            for outcome in outcomes:
                assert outcome.ok, outcome
    print("done")
"""


def test_first_calls_of_a_map() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(CALLS)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


FROM_JSON = """
    import sys, threading
    from bezant.models import Position
    import bezant._core.decoding.inspection as inspection

    assert Position.from_json("{}") is not None
    assert "RLock" in type(inspection._lock).__name__
    assert "httpx" not in sys.modules
"""


def test_models_alone_have_the_lock() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FROM_JSON)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_waits_for_an_inspection() -> None:
    kind = msgspec.defstruct("Kind", [("number", int, 0)])
    inside, order = threading.Event(), []

    def build() -> None:
        inside.set()
        time.sleep(0.1)
        order.append("built")

    thread = threading.Thread(target=inspect, args=(build,))
    thread.start()
    inside.wait()
    child = os.fork()
    if not child:
        # The fork waited for the inspection. So no lock is held in the child process, and no type
        # is half inspected.
        good = order == ["built"] and convert({"number": "7"}, kind).number == 7
        os._exit(0 if good else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert convert({"number": "8"}, kind).number == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_during_an_inspection_of_the_same_thread() -> None:
    def build() -> int:
        child = os.fork()
        if not child:
            os._exit(0)
        return child

    assert os.waitpid(inspect(build), 0)[1] == 0
    assert inspect(lambda: 1) == 1


class Finalised:
    """Object that decodes a response in its finaliser, `__del__`."""

    found: typing.ClassVar[list[Any]] = []

    def __del__(self) -> None:
        kind: Any = msgspec.defstruct("Kind", [("number", int, 0)])
        found = decode(b'{"number":"5"}', kind, operation="GET /x", report=print)
        self.found.append(found.number)


def test_a_finaliser_during_an_inspection() -> None:
    Finalised.found.clear()

    def build() -> None:
        Finalised()  # runs the finaliser at once, because nothing refers to the object

    inspect(build)
    assert Finalised.found == [5]


def test_the_lock_is_a_thread_lock() -> None:
    assert "RLock" in type(inspection._lock).__name__


def test_no_models_refer_to_each_other() -> None:
    """Check that no two models refer to each other.

    If two models did, an interrupt while msgspec inspects the first would leave the second with an
    incomplete description of the first. A type that refers to itself is safe: msgspec discards its
    whole description.
    """
    for each in pkgutil.iter_modules(bezant.models.__path__):
        importlib.import_module(f"bezant.models.{each.name}")

    def parts(type_: Any) -> set[type[msgspec.Struct]]:
        found = {type_} if isinstance(type_, type) and issubclass(type_, msgspec.Struct) else set()
        return found.union(*map(parts, typing.get_args(type_)))

    direct = {
        model: set().union(*(parts(field.type) for field in msgspec.structs.fields(model)))
        for model in Model.__subclasses__()
    }

    def behind(model: Any, seen: set[Any]) -> set[Any]:
        for each in direct.get(model, set()) - seen:
            seen.add(each)
            behind(each, seen)
        return seen

    for model, used in direct.items():
        for other in used - {model}:
            assert model not in behind(other, set()), (model, other)
