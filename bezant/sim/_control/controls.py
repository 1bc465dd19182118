"""Methods of `SimulatedGateway` with which tests change the market and the session."""

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
    """Methods that read and change the simulated exchange directly, without API calls."""

    _state: State

    @property
    def orders(self) -> list[Order]:
        """A copy of every order placed so far, in order of placement."""
        with self._state.trading.now() as exchange:
            return [replace(each) for each in exchange.orders.values()]

    @property
    def executions(self) -> list[Execution]:
        """Every execution so far, in order of time."""
        with self._state.trading.now() as exchange:
            return list(exchange.executions)

    @property
    def cash(self) -> dict[str, Decimal]:
        """The account's cash by currency."""
        with self._state.trading.now() as exchange:
            return dict(exchange.books.cash)

    def position(self, contract: str | int) -> Decimal:
        """Return the position in a contract; negative for short.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        with self._state.trading.now() as exchange:
            return exchange.books.position(find(self._state.catalogue, contract))

    def set_price(self, contract: str | int, last: Amount, *, size: int = 1_000_000) -> None:
        """Fix a contract's price. Orders that can trade at this price do so at once.

        The bid is one cent below the price, and the ask is one cent above it.

        Args:
            contract: symbol of a stock, or conid.
            last: the new last price.
            size: how many units can be bought, and how many can be sold, until the market's next
                step (the next moment when prices may change).

        Raises:
            ValueError: the contract does not exist, or a number is out of range.
        """
        self._state.trading.set_price(contract, last, size)

    def free_price(self, contract: str | int) -> None:
        """Let a contract's price move again after `set_price`.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        self._state.trading.free_price(contract)

    def halt(self, contract: str | int) -> None:
        """Halt trading in a contract: its price does not change, and its orders do not trade.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        self._state.trading.halt(contract)

    def resume(self, contract: str | int) -> None:
        """Resume trading in a contract after `halt`.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        self._state.trading.resume(contract)

    def ask(self, *message_ids: str) -> None:
        """Have the gateway ask the client additional confirmation questions about its next order.

        The gateway asks one question after the other. If you call `ask` twice, the second call is
        for the order after the next one.

        Args:
            message_ids: IBKR's ids of the questions, such as `o354`.
        """
        self._state.questions.asked.append(list(message_ids))


class SessionControls:
    """Methods that change the login and the brokerage session."""

    _session: Session

    @property
    def session_state(self) -> dict[str, bool]:
        """The flags of the login and of the brokerage session, such as `authenticated`."""
        return self._session.flags()

    def logout(self, style: LoginStyle = "redirect") -> None:
        """End the login.

        Args:
            style: how the gateway responds to API calls from now on: `redirect` (302 to the login
                page), `unauthorized` (401 without a body) or `html` (200 with the login page).
        """
        self._session.logout(style)

    def login(self) -> None:
        """Log in again and open the brokerage session. All WebSocket subscriptions are lost."""
        self._session.login()

    def drop_brokerage(self) -> None:
        """Close the brokerage session: `authenticated` becomes False, `connected` stays True."""
        self._session.drop_brokerage()

    def disconnect(self) -> None:
        """Cut the gateway off from IBKR: calls of `/iserver` now get 400 with "no bridge"."""
        self._session.disconnect()

    def unestablish(self) -> None:
        """Set `authenticated` to True and `established` to False.

        Calls for account data then return empty lists.
        """
        self._session.unestablish()

    def compete(self) -> None:
        """Let a competing session of the same user take over the brokerage session."""
        self._session.compete()
