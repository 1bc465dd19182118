"""Settings of the tour that ``bezant demo`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BezantError
from ..models import Account


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of the tour, for both its blocking and its asynchronous half.

    Attributes:
        gateway: base URL of the gateway.
        verify: verification of the certificate, as for the clients.
        seconds: how many seconds the stream runs.
        symbol: symbol of the stock to look up and to stream.
        account_id: id of the account to show; None for the first account.
    """

    gateway: str
    verify: str | bool
    seconds: float
    symbol: str
    account_id: str | None

    def choose(self, accounts: Sequence[Account]) -> str:
        """Return the id of the account to show.

        Raises:
            BezantError: the user name cannot see any account, or cannot see ``account_id``. Without
                this check, the gateway would respond to a call about such an account with 401,
                which looks like a lost login.
        """
        ids = [each.account_id for each in accounts if each.has("account_id")]
        if not ids:
            raise BezantError("this login sees no account; log in as a user that has one")
        if self.account_id is None:
            return ids[0]
        if self.account_id not in ids:
            raise BezantError(
                f"IBKR_ACCOUNT_ID is {self.account_id}, but this login sees {', '.join(ids)}; set "
                "it to one of them"
            )
        return self.account_id
