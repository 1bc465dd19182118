"""What the tour looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BezantError
from ..models import Account


@dataclass(frozen=True, slots=True)
class Plan:
    """What both drivers of the tour are told.

    Attributes:
        gateway: the base URL.
        verify: how its certificate is checked, as for the clients.
        seconds: how long the stream is.
        symbol: the stock to look up and to stream.
        account_id: the account that was asked for; None for the first.
    """

    gateway: str
    verify: str | bool
    seconds: float
    symbol: str
    account_id: str | None

    def choose(self, accounts: Sequence[Account]) -> str:
        """Return the id of the account to look at.

        Raises:
            BezantError: there is none, or not the one that was asked for. The gateway answers such
                a one with 401, which would read as if nobody were logged in.
        """
        ids = [account.account_id for account in accounts if account.account_id]
        if not ids:
            raise BezantError("this login sees no account")
        if self.account_id is None:
            return ids[0]
        if self.account_id not in ids:
            raise BezantError(
                f"IBKR_ACCOUNT_ID is {self.account_id}, but this login sees {', '.join(ids)}"
            )
        return self.account_id
