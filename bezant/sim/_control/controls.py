"""What a test does to the market, the account and the session of a simulated gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .._scenario.scenario import find

if TYPE_CHECKING:
    from decimal import Decimal

    from .._market.orders import Execution, Order
    from .._scenario.scenario import Amount
    from .._state.session import LoginStyle, Session
    from .._state.state import State


class MarketControls:
    """What the exchange knows and can be told, whatever a client was told."""

    _state: State

    @property
    def orders(self) -> list[Order]:
        """A copy of every order so far, in the order of placing, as they are now."""
        with self._state.trading.now() as exchange:
            return [replace(each) for each in exchange.orders.values()]

    @property
    def executions(self) -> list[Execution]:
        """Every execution so far, in order."""
        with self._state.trading.now() as exchange:
            return list(exchange.executions)

    @property
    def cash(self) -> dict[str, Decimal]:
        """The account's cash by currency."""
        with self._state.trading.now() as exchange:
            return dict(exchange.books.cash)

    def position(self, contract: str | int) -> Decimal:
        """Return how much of a contract the account holds; negative for short.

        Args:
            contract: the symbol of a stock, or the conid.

        Raises:
            ValueError: there is no such contract.
        """
        with self._state.trading.now() as exchange:
            return exchange.books.position(find(self._state.catalogue, contract))

    def set_price(self, contract: str | int, last: Amount, *, size: int = 1_000_000) -> None:
        """Hold a contract's price still; orders that can trade at it do so at once.

        Bid and ask are a cent beside it.

        Args:
            contract: the symbol of a stock, or the conid.
            last: the price.
            size: how much can be bought, and sold, until the market's next step.

        Raises:
            ValueError: there is no such contract, or a number is out of range.
        """
        self._state.trading.set_price(contract, last, size)

    def free_price(self, contract: str | int) -> None:
        """Let a contract's price move by itself again.

        Args:
            contract: the symbol of a stock, or the conid.

        Raises:
            ValueError: there is no such contract.
        """
        self._state.trading.free_price(contract)

    def halt(self, contract: str | int) -> None:
        """Stop the trading in a contract: its price stands still, orders wait.

        Args:
            contract: the symbol of a stock, or the conid.

        Raises:
            ValueError: there is no such contract.
        """
        self._state.trading.halt(contract)

    def resume(self, contract: str | int) -> None:
        """Let a contract be traded again.

        Args:
            contract: the symbol of a stock, or the conid.

        Raises:
            ValueError: there is no such contract.
        """
        self._state.trading.resume(contract)

    def ask(self, *message_ids: str) -> None:
        """Ask questions about the next order, one after the other, besides those it raises.

        Called again, the questions are for the order after it.

        Args:
            message_ids: the kinds of question, such as `o354`.
        """
        self._state.questions.asked.append(list(message_ids))


class SessionControls:
    """The states of the login and of the brokerage session."""

    _session: Session

    @property
    def session_state(self) -> dict[str, bool]:
        """The flags of the session, and whether there is a login."""
        return self._session.flags()

    def logout(self, style: LoginStyle = "redirect") -> None:
        """End the login.

        Args:
            style: how API calls are answered from now on: `redirect` (302 to the login page),
                `unauthorized` (401 without a body) or `html` (200 with the login page).
        """
        self._session.logout(style)

    def login(self) -> None:
        """Log in anew, with a working brokerage session. Subscriptions are gone."""
        self._session.login()

    def drop_brokerage(self) -> None:
        """Lose the brokerage session: not authenticated, still connected."""
        self._session.drop_brokerage()

    def disconnect(self) -> None:
        """Lose the line to the brokerage backend: `/iserver` answers 400 "no bridge"."""
        self._session.disconnect()

    def unestablish(self) -> None:
        """Be authenticated but not established: account calls come back empty."""
        self._session.unestablish()

    def compete(self) -> None:
        """Lose the brokerage session to another one of the same user."""
        self._session.compete()
