"""Messages of a WebSocket stream: one module for each area.

Each module lists its public names in its ``__all__``. It also defines one union type of the
messages that a stream can deliver.
"""

# ruff: noqa: F403

from __future__ import annotations

from typing import TypeAlias

from .account import *
from .account import AccountMessage
from .control import *
from .control import ControlMessage
from .market_data import *
from .market_data import MarketDataMessage
from .orders import *
from .orders import OrderMessage
from .session import *
from .session import SessionMessage

Message: TypeAlias = (
    MarketDataMessage | OrderMessage | AccountMessage | SessionMessage | ControlMessage
)
"""Union of all messages that a stream can deliver."""
