"""Tests of a stream's state under random sequences of frames, losses, waits and user calls."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bezant import Gap, MarketDataFields, Message, OrderUpdate, Reconnected
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Phase
from bezant._core.stream.state import StreamState
from bezant._core.stream.subscriptions import Interest
from bezant._core.stream.topic import SubscriptionRequest

from ..samples import Drifts

TOPICS = st.sampled_from(["md+1", "md+2", "md+3@NYSE", "or", "pl"])
FIELDS = MarketDataFields.from_codes(31)
OPEN = (Phase.WAITING, Phase.READY)


class Storm(RuleBasedStateMachine):
    """Hypothesis state machine that acts as the socket, the gateway and the user of a stream."""

    @initialize(limit=st.integers(1, 6))
    def begin(self, limit: int) -> None:
        self.now = 0.0
        self.state = StreamState(Drifts(), 0.0, message_buffer=MessageBuffer(limit))
        self.interests: list[Interest] = []
        self.gateway: set[str] = set()  # topics that the gateway serves on this connection
        self.numbers = 0
        self.losses = 0  # interruptions in which messages may have been lost
        self.found: list[Message] = []
        self.greeted = False
        self.ever = False
        self.state.opened("token", 0.0, 0.0)

    def flush(self) -> None:
        while (command := self.state.next_outgoing(self.now)) is not None:
            assert self.state.phase is Phase.READY
            assert self.greeted
            assert isinstance(command, str)
            if command != "tic":
                topic = command[1:].removesuffix("+{}").partition("+{")[0]
                (self.gateway.add if command[0] == "s" else self.gateway.discard)(topic)

    def hear(self, message: object) -> None:
        self.state.take_in([json.dumps(message).encode()], self.now)

    def answer(self, topic: str) -> None:
        if topic == "or":
            self.numbers += 1
            self.hear({"topic": "sor", "args": [{"orderId": self.numbers}]})
        elif topic == "pl":
            self.hear({"topic": "spl", "args": {"U1.Core": {"dpl": 1}}})
        else:
            name = topic[3:]
            conid = int(name.partition("@")[0])
            self.hear({"topic": f"smd+{conid}", "conid": conid, "conidEx": name, "31": "5"})

    @rule(topic=TOPICS)
    def subscribe(self, topic: str) -> None:
        arguments = {"fields": [*FIELDS]} if topic.startswith("md+") else {}
        request = SubscriptionRequest(topic, arguments)
        self.interests.append(self.state.subscribe(request, now=self.now))

    @precondition(lambda self: self.interests)
    @rule(at=st.integers(0, 99))
    def unsubscribe(self, at: int) -> None:
        self.state.unsubscribe(self.interests.pop(at % len(self.interests)))

    @rule(seconds=st.sampled_from([0.1, 2.0, 14.0, 50.0, 500.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def drive(self) -> None:
        was = self.state.phase
        if was in OPEN:
            self.flush()
        assert self.state.advance(self.now, self.now) >= 0
        if was in OPEN and self.state.phase is Phase.BACKOFF:
            self.gone()
        if self.state.phase is Phase.CONNECTING:
            self.state.opened("token", self.now, self.now)
            self.gateway.clear()
            self.greeted = False

    def gone(self) -> None:
        self.losses += 1
        self.greeted = False

    @precondition(lambda self: self.state.phase in OPEN)
    @rule()
    def close(self) -> None:
        self.state.lost("closed", self.now, self.now)
        self.gone()

    @rule()
    def system(self) -> None:
        if self.state.phase in OPEN:
            self.greeted = True
            self.hear({"topic": "system", "success": "me"})

    @precondition(lambda self: self.state.phase is Phase.READY)
    @rule()
    def updates(self) -> None:
        self.flush()
        for topic in sorted(self.gateway):
            self.answer(topic)

    @rule(count=st.integers(1, 5))
    def read(self, count: int) -> None:
        for _ in range(count):
            message = self.state.message_buffer.take()
            if message is not None:
                self.found.append(message)

    @invariant()
    def wants_what_the_user_wants(self) -> None:
        if hasattr(self, "state"):
            assert set(self.state.subscribed) == {each.key for each in self.interests}
            assert self.state.confirmed <= set(self.state.subscribed)

    def teardown(self) -> None:
        if not hasattr(self, "state"):
            return
        # When the random steps are over, one good connection restores all subscriptions.
        for _ in range(5):
            self.drive()
            self.now += 0.0 if self.state.phase in OPEN else 100.0
            self.read(1000)
            if self.state.phase is Phase.WAITING:
                self.system()
        assert self.state.phase is Phase.READY
        self.updates()
        self.read(1000)
        assert self.gateway == set(self.state.subscribed) == self.state.confirmed
        self.check_what_was_read()

    def check_what_was_read(self) -> None:
        numbers = [each.order_id for each in self.found if isinstance(each, OrderUpdate)]
        assert numbers == sorted(set(numbers), key=numbers.index), "a message came twice"
        counted = sum(
            each.count or 0 for each in self.found if isinstance(each, Gap) and each.topic == "sor"
        )
        assert len(numbers) + counted == self.numbers
        overflown = sum(isinstance(each, Gap) and each.count is not None for each in self.found)
        gaps = sum(isinstance(each, Gap) and each.count is None for each in self.found)
        again = [at for at, each in enumerate(self.found) if isinstance(each, Reconnected)]
        assert not again or gaps or overflown
        if not self.state.message_buffer.missed:
            assert len(again) == self.state.reconnects
            assert all(isinstance(self.found[at - 1], Gap) or at for at in again)
            assert gaps >= len(again)
            assert not self.losses or gaps


Storm.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestStorm = Storm.TestCase
