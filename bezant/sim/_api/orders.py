"""Simulated order operations: placement, confirmation questions, changes, cancellation, lists."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import Response

from .._market.books import BASE, RATES, unit
from .._market.orders import OrderRefused
from .._state.questions import MAX_SUPPRESSED
from .._wire_forms.account import amount
from .._wire_forms.orders import execution_row, order_row, plain, status_body
from .call import INVENTED, Call, Json, error
from .order_requests import BadOrder, Request, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._market.exchange import Exchange
    from .._market.orders import Order, OrderSpec, Status
    from .._state.state import State
    from .call import Routes

_DAY = 86_400.0
_MAX_DAYS = 7
_ALL = -1
# The status in the response to every new order, whatever becomes of the order: IBKR responds before
# the exchange does. Recorded from paper accounts, also of orders that were filled at once.
_JUST_PLACED: Status = "PreSubmitted"
_NO_ORDER = "1000000001"
_NO_SIZE = "Order size 0 is not valid. Please enter size greater than 0."
_BLIND = "21/There is no market data for this contract yet."
_AT_ANY_PRICE = [
    "23/<h4>Market Order Confirmation</h4>A market order trades at any available price.",
    "26/<h4>Confirm Mandatory Cap Price</h4>A cap on the price may be set.",
]
# Key: an order status as IBKR spells it in the query parameter `filters`. Value: the same status
# as IBKR spells it in an order.
FILTERS = {
    "inactive": "Inactive",
    "pending_submit": "PendingSubmit",
    "pre_submitted": "PreSubmitted",
    "submitted": "Submitted",
    "filled": "Filled",
    "pending_cancel": "PendingCancel",
    "cancelled": "Cancelled",
    "warn_state": "WarnState",
}


class OrderApi:
    """Serves the REST operations of orders and executions."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._trading = state.trading

    def routes(self) -> Routes:
        """Return the order routes: one (method, path pattern, handler) tuple each."""
        account = "/iserver/account/([^/]+)"
        return (
            ("GET", "/iserver/account/orders", self._after_accounts(self._orders)),
            ("GET", "/iserver/account/trades", self._after_accounts(self._trades)),
            ("GET", "/iserver/account/order/status/([^/]+)", self._after_accounts(self._status)),
            ("POST", f"{account}/orders", self._after_accounts(self._place)),
            ("POST", f"{account}/orders/whatif", self._after_accounts(self._preview)),
            ("POST", f"{account}/order/([^/]+)", self._after_accounts(self._modify)),
            ("DELETE", f"{account}/order/([^/]+)", self._after_accounts(self._cancel)),
            ("POST", "/iserver/reply/([^/]+)", self._reply),
            ("POST", "/iserver/questions/suppress", self._suppress),
            ("POST", "/iserver/questions/suppress/reset", self._reset),
        )

    def _after_accounts(self, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        """Return a handler that passes calls to `handler` once the client has listed its accounts.

        As at IBKR, calls before the session's first `GET /iserver/accounts` get an error.
        """

        def handle(call: Call) -> Response:
            if not self._state.session.accounts_asked:
                return error("Please query /accounts first", 500)
            return handler(call)

        return handle

    @property
    def _account(self) -> str:
        return self._state.account_id

    # Lists of orders and executions.

    def _orders(self, call: Call) -> Response:
        session = self._state.session
        forced = call.query.get("force") == "true"
        first = not session.orders_asked
        session.orders_asked = True
        filters = [each for each in call.query.get("filters", "").split(",") if each]
        if forced:
            session.orders_filtered = False
        elif filters:
            session.orders_filtered = True
        if forced or first or not session.usable:
            return Json({"orders": [], "snapshot": False})
        if not self._is_mine(call):
            return Json({"orders": [], "snapshot": True})
        # As at IBKR, a filter in the spelling of responses, such as `Filled`, matches no order.
        wanted = {FILTERS.get(each) for each in filters if each != "sort_by_time"}
        since = self._state.clock.now() - _DAY
        with self._trading.now() as exchange:
            found = [
                order
                for order in exchange.orders.values()
                if (not order.done or order.updated >= since)
                and (not wanted or order.status in wanted)
            ]
            if "sort_by_time" in filters:
                found.sort(key=lambda order: -order.updated)
            rows = [self._row(order) for order in found]
        return Json({"orders": rows, "snapshot": True})

    def _is_mine(self, call: Call) -> bool:
        """Return whether the query names the simulated account, or no account at all."""
        return call.query.get("accountId", self._account) == self._account

    def _row(self, order: Order) -> dict[str, Any]:
        contract = self._state.catalogue.contracts[order.spec.conid]
        return order_row(order, contract, self._account)

    def _trades(self, call: Call) -> Response:
        session = self._state.session
        first, session.trades_asked = not session.trades_asked, True
        days = call.query.get("days", "")
        if days.isdecimal():
            session.trades_days = min(int(days), _MAX_DAYS)
        if first or not session.usable or not self._is_mine(call):
            return Json([])
        since = self._state.clock.now() - session.trades_days * _DAY
        contracts = self._state.catalogue.contracts
        with self._trading.now() as exchange:
            rows = [
                execution_row(
                    each, contracts[each.conid], self._account, exchange.books.position(each.conid)
                )
                for each in exchange.executions
                if each.when >= since
            ]
        return Json(rows)

    def _status(self, call: Call) -> Response:
        with self._trading.now() as exchange:
            order = exchange.orders.get(_whole(call.args[0]))
            if order is None:
                return error(f"Order {call.args[0]} is not found", 503)
            contract = self._state.catalogue.contracts[order.spec.conid]
            children = [
                each.order_id
                for each in exchange.orders.values()
                if each.parent_id == order.order_id
            ]
            return Json(status_body(order, contract, self._account, children))

    # Placement of orders, and the confirmation questions that IBKR asks about them.

    def _specs(self, call: Call, exchange: Exchange) -> tuple[list[OrderSpec], bool]:
        """Return the orders in a request's body, and whether any of them is for an amount of money.

        Raises:
            BadOrder: the body is invalid.
        """
        if call.args[0] != self._account:
            msg = f"account {call.args[0]} is not available"
            raise BadOrder(msg)
        try:
            body = json.loads(call.body)
            if isinstance(body, list):
                msg = "Bad Request: Missing order parameters"
                raise BadOrder(msg)
            rows = cast("list[dict[str, Any]]", body["orders"])
            rows = [dict(each) for each in rows]
        except (ValueError, TypeError, KeyError, RecursionError):
            msg = "Failed to parse body as JSON"
            raise BadOrder(msg) from None
        if not rows:
            msg = "orders is required"
            raise BadOrder(msg)
        found = [self._spec(row, exchange) for row in rows]
        return [spec for spec, _ in found], any(by_money for _, by_money in found)

    def _spec(self, row: dict[str, Any], exchange: Exchange) -> tuple[OrderSpec, bool]:
        contracts = self._state.catalogue.contracts
        request: Request = read(row, self._account, contracts)
        spec = request.spec
        if spec.conid not in contracts:
            msg = f"no sec defs returned forSecDef {spec.conid}"  # the wording of IBKR
            raise BadOrder(msg, 200)
        if request.money is None:
            return spec, False
        quantity = request.money // exchange.reference(spec)
        if quantity < 1:
            msg = "The amount of money does not buy one unit."
            raise BadOrder(msg, 200)
        return replace(spec, quantity=quantity), True

    def _place(self, call: Call) -> Response:
        with self._trading.now() as exchange:
            try:
                specs, by_money = self._specs(call, exchange)
                exchange.check(specs)
            except (BadOrder, OrderRefused) as why:
                return _refused(why)
            return self._ask(
                exchange,
                specs,
                lambda: [
                    _placed(each, _JUST_PLACED) for each in _children_first(self._entered(specs))
                ],
                by_money=by_money,
            )

    def _entered(self, specs: list[OrderSpec]) -> list[Order]:
        with self._trading.now() as exchange:
            return exchange.place(specs)

    def _ask(
        self,
        exchange: Exchange,
        specs: list[OrderSpec],
        act: Callable[[], list[dict[str, Any]]],
        *,
        by_money: bool = False,
    ) -> Response:
        """Return the first confirmation question about orders; if there is none, `act`'s result.

        Args:
            exchange: the exchange.
            specs: the orders, new or changed.
            act: places or changes the orders; called once the client has confirmed all questions.
            by_money: whether one of the orders is for an amount of money instead of a quantity.
        """

        def go_on() -> Response:
            try:
                return Json(act())
            except OrderRefused as why:
                return _refused(why)

        session, questions = self._state.session, self._state.questions
        # IBKR's documentation: no further orders before the reply, because they cancel the order
        # that the question is about.
        questions.end()
        ids = questions.raised(self._trading, exchange, specs, by_money=by_money)
        ids = [each for each in [*ids, *questions.extra()] if each not in session.suppressed]
        if not ids:
            return go_on()
        return Json([questions.begin(ids, session.token, self._state.clock.now(), go_on)])

    def _reply(self, call: Call) -> Response:
        confirmed = call.fields.get("confirmed")
        name = call.args[0]
        result = self._state.questions.reply(
            name,
            self._state.session.token,
            self._state.clock.now(),
            confirmed=confirmed is True or str(confirmed).lower() == "true",
        )
        if isinstance(result, Response):
            return result
        if isinstance(result, dict):
            return Json([result])
        if result == "gone":
            return error("Service Unavailable", 503)
        text = "Order not confirmed" if result == "refused" else f"reply id not found: '{name}'"
        return Json({"error": text})

    def _suppress(self, call: Call) -> Response:
        ids = call.fields.get("messageIds")
        if not isinstance(ids, list) or not 0 < len(cast("list[object]", ids)) <= MAX_SUPPRESSED:
            return Response(status_code=500)
        self._state.session.suppressed.update(map(str, cast("list[object]", ids)))
        return Json({"status": "submitted"})

    def _reset(self, _call: Call) -> Response:
        self._state.session.suppressed.clear()
        return Json({"status": "submitted"})

    # Changes and cancellations of orders.

    def _modify(self, call: Call) -> Response:
        with self._trading.now() as exchange:
            order_id = _whole(call.args[1])
            order = exchange.orders.get(order_id)
            if order is None or call.args[0] != self._account:
                return _missing(call.args[1])
            try:
                row = {"conid": order.spec.conid} | {
                    name: value for name, value in call.fields.items() if value is not None
                }
                spec, by_money = self._spec(row, exchange)
            except BadOrder as why:
                return _refused(why)

            def act() -> list[dict[str, Any]]:
                with self._trading.now() as later:
                    changed = later.modify(order_id, spec)
                    return [_placed(changed, changed.status)]

            return self._ask(exchange, [spec], act, by_money=by_money)

    def _cancel(self, call: Call) -> Response:
        account, number = call.args[0], call.args[1]
        order_id = _ALL if number == str(_ALL) else _whole(number)
        with self._trading.now() as exchange:
            if account != self._account:
                return _missing(number)
            try:
                if order_id == _ALL:
                    for order in exchange.working:
                        exchange.cancel(order.order_id)
                else:
                    exchange.cancel(order_id)
            except OrderRefused as why:
                return Json({"error": str(why)}, 400)
        return Json(
            {"msg": "Request was submitted", "order_id": order_id, "conid": -1, "account": None}
        )

    # Preview of an order's cost and margin (`whatif`).

    def _preview(self, call: Call) -> Response:
        rows = call.fields.get("orders")
        if isinstance(rows, list) and any(_is_empty(each) for each in cast("list[object]", rows)):
            return Json({"error": _NO_SIZE}, 500)
        with self._trading.now() as exchange:
            try:
                specs, _ = self._specs(call, exchange)
            except BadOrder as why:
                return _refused(why)
            spec = specs[0]
            why_not: str | None = None
            try:
                exchange.check(specs)
            except OrderRefused as refused:
                why_not = str(refused)
            ids = self._state.questions.raised(self._trading, exchange, [spec], by_money=False)
            return Json(self._outlook(exchange, specs, why_not, ids))

    def _outlook(
        self, exchange: Exchange, specs: list[OrderSpec], why_not: str | None, ids: list[str]
    ) -> dict[str, Any]:
        spec = specs[0]
        contract = self._state.catalogue.contracts[spec.conid]
        price = exchange.reference(spec)
        value = price * spec.quantity * unit(contract)
        fee = exchange.commission(spec, spec.quantity)
        totals = exchange.books.totals()
        margin = exchange.margin(spec, price)
        held = exchange.books.position(spec.conid)
        change = spec.quantity if spec.side == "BUY" else -spec.quantity
        cost = fee * RATES[contract.currency]
        unseen = spec.conid not in self._state.session.fields or "o354" in ids
        warns = [_BLIND] if unseen else []
        if spec.kind == "MKT":
            warns += _AT_ANY_PRICE
        if why_not is not None and "margin" in why_not:
            return self._without_the_money(spec, value, totals.available, warns)
        return {
            "amount": {
                "amount": f"{value:,.2f} {contract.currency} ({plain(spec.quantity)} Shares)",
                "commission": f"{fee:,.2f} {contract.currency}",
                "total": f"{value + fee:,.2f} {contract.currency}",
            },
            "equity": _figures(totals.net_liquidation, -cost),
            "initial": _figures(totals.margin, margin),
            "maintenance": _figures(totals.margin, margin),
            "position": {
                "current": plain(held),
                "change": plain(change),
                "after": plain(held + change),
            },
            "warn": warns[0] if warns else None,
            "error": why_not,
        }

    def _without_the_money(
        self, spec: OrderSpec, value: Decimal, available: Decimal, warns: list[str]
    ) -> dict[str, Any]:
        """Return the preview of an order for which the account has too little money."""
        contract = self._state.catalogue.contracts[spec.conid]
        needed = value * RATES[contract.currency]
        held = self._state.trading.position(spec.conid)
        after = held + (spec.quantity if spec.side == "BUY" else -spec.quantity)
        problem = (
            f"Available converted to base: {available:,.2f} {BASE} Cash needed for this order and "
            f"other pending orders: {needed:,.2f} {BASE}"
        )
        figures = (
            ("CURRENT_POS", "Current Position", held),
            ("AFTER_POS", "Post-Trade Position*", after),
            ("CURRENT_FUNDS", "Available Funds", available),
            ("AFTER_FUNDS", "Post Trade Available Funds*", available - needed),
        )
        return {
            "amount": {
                "amount": f"{value:,.2f} {contract.currency} ({plain(spec.quantity)} Shares)",
                "commission": "NA",
                "total": "NA",
            },
            **dict.fromkeys(("equity", "initial", "maintenance", "position")),
            "warn": warns[0] if warns else None,
            "error": problem,
            "warns": warns,
            "errors": [problem],
            "accruedInterest": None,
            "action": "convert_from_base_currency",
            "order_id": _NO_ORDER,
            "cqe": {
                "query": {
                    "account_id": self._account,
                    "sec_type": contract.asset_class,
                    "order_currency": contract.currency,
                    "exchange": "SMART",
                    "conid": str(contract.conid),
                    "order_total": str(float(value)),
                    "order_id": _NO_ORDER,
                },
                "request_method": "GET",
            },
            "data": [
                {"V": [f"{number:.0f}"], "L": label, "N": name} for name, label, number in figures
            ],
        }


def _figures(current: Decimal, change: Decimal) -> dict[str, str]:
    return {
        "current": f"{amount(current):,.2f}",
        "change": f"{amount(change):,.2f}",
        "after": f"{amount(current + change):,.2f}",
    }


def _children_first(orders: list[Order]) -> list[Order]:
    """Sort placed orders as IBKR's response lists them: child orders before their parents."""
    return sorted(orders, key=lambda order: order.parent_id is None)


def _placed(order: Order, status: Status) -> dict[str, Any]:
    body = {
        "order_id": str(order.order_id),
        "order_status": status,
        "encrypt_message": "1",
    }
    if order.spec.client_id:
        body["local_order_id"] = order.spec.client_id
    if order.parent_id is not None:
        body["parent_order_id"] = str(order.parent_id)
    return body


def _refused(why: BadOrder | OrderRefused) -> Response:
    if isinstance(why, OrderRefused):
        return Json({"error": str(why)})
    if not why.text:
        return Response(status_code=why.status)
    return Json({"error": why.text}, why.status, INVENTED if why.invented else None)


def _is_empty(row: object) -> bool:
    return isinstance(row, dict) and cast("dict[str, object]", row).get("quantity") == 0


def _missing(order_id: str) -> Response:
    return Json({"error": f"OrderID {order_id} doesn't exist"}, 400)


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0
