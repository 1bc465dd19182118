"""Methods of the simulated gateway that change the market and the session."""

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
    """Reads and changes the exchange directly, independently of what clients have seen."""

    _state: State

    @property
    def orders(self) -> list[Order]:
        """A copy of every order placed so far, in order of placement."""
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
        """Return the position in a contract; negative for short.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        with self._state.trading.now() as exchange:
            return exchange.books.position(find(self._state.catalogue, contract))

    def set_price(self, contract: str | int, last: Amount, *, size: int = 1_000_000) -> None:
        """Fix a contract's price; orders that can trade at it do so at once.

        Bid and ask are one cent away.

        Args:
            contract: symbol of a stock, or conid.
            last: the price.
            size: how much can be bought and sold until the market's next step.

        Raises:
            ValueError: the contract does not exist, or a number is out of range.
        """
        self._state.trading.set_price(contract, last, size)

    def free_price(self, contract: str | int) -> None:
        """Let a contract's price move again.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        self._state.trading.free_price(contract)

    def halt(self, contract: str | int) -> None:
        """Halt a contract: its price does not change, and orders wait.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        self._state.trading.halt(contract)

    def resume(self, contract: str | int) -> None:
        """Resume trading in a contract.

        Args:
            contract: symbol of a stock, or conid.

        Raises:
            ValueError: the contract does not exist.
        """
        self._state.trading.resume(contract)

    def ask(self, *message_ids: str) -> None:
        """Ask additional questions about the next order, one after the other.

        A second call of `ask` sets the questions for the order after that.

        Args:
            message_ids: ids of the questions, such as `o354`.
        """
        self._state.questions.asked.append(list(message_ids))


class SessionControls:
    """Changes the login and the brokerage session."""

    _session: Session

    @property
    def session_state(self) -> dict[str, bool]:
        """The flags of the session and of the login, such as `authenticated`, by name."""
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
        """Close the brokerage session: its status is not authenticated, still connected."""
        self._session.drop_brokerage()

    def disconnect(self) -> None:
        """Cut the gateway off from IBKR: `/iserver` responds 400 "no bridge"."""
        self._session.disconnect()

    def unestablish(self) -> None:
        """Set the session to authenticated, not established: account calls return empty lists."""
        self._session.unestablish()

    def compete(self) -> None:
        """Let a competing session of the same user take over the brokerage session."""
        self._session.compete()
