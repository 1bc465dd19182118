"""Tests of models: decoding of recorded responses without drift, and helper properties."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bezant.models
from bezant import Account, AuthStatus, MarketData, MissingValue, Position, Tickle
from bezant._core.http.response import read
from bezant._wire.market_data_fields import CODES, FIELDS, KINDS, NAMES
from bezant.models import ServerInfo, StockCompany, TickleServer

from .samples import (
    ACCOUNT,
    AUTH_STATUS,
    POSITION,
    READ,
    STOCK_COMPANY,
    TICKLE,
    TOKEN,
    Drifts,
    answer,
    some,
)

RECORDED = Path(__file__).parents[2].parent / "shared" / "fixtures"


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("Session/GET-auth-status", AuthStatus),
        ("Session/POST-tickle", Tickle),
        ("Contracts/GET-trsrv-stocks", dict[str, list[StockCompany]]),
        ("Portfolio/GET-portfolio-subaccounts", list[Account]),
        ("Portfolio/GET-portfolio-position-by-conid", list[Position]),
        ("Portfolio/GET-portfolio-positions-empty", list[Position]),
    ],
)
def test_recorded_responses_have_no_drift(name: str, type_: Any) -> None:
    file = RECORDED / f"{name}.json"
    if not file.exists():
        pytest.skip(f"recorded answers are not here: {file}")
    response = json.loads(file.read_text())["Response"]
    body = json.dumps(response["Body"]).encode()
    drifts = Drifts()
    result = read(answer(body, response["StatusCode"]), READ, type_, drifts)
    assert drifts == []
    assert bool(result) == bool(response["Body"])


def read_sample(sample: object, type_: Any) -> Any:
    drifts = Drifts()
    result = read(answer(json.dumps(sample).encode()), READ, type_, drifts)
    assert drifts == []
    return result


def test_a_position() -> None:
    position = read_sample(POSITION, Position)
    assert position.account_id == "DU1000001"
    assert position.conid == 4711
    assert position.quantity == Decimal("12.5")
    assert position.market_value == Decimal("1267.125")
    assert position.realized_pnl == Decimal("0.1")
    assert position.average_cost == Decimal("99.9")
    assert position.underlying_conid == 4712
    assert position.right == "C"
    assert position.page_size == 100
    assert not some(Position).has("quantity")


def test_an_account() -> None:
    account = read_sample([ACCOUNT], list[Account])[0]
    assert (account.account_id, account.currency, account.fa_client) == ("DU1000001", "EUR", False)
    assert account.brokerage_access is True
    assert read_sample(ACCOUNT | {"accountAlias": None}, Account).account_alias is None


def test_stocks() -> None:
    stocks = read_sample({"ACME": [STOCK_COMPANY]}, dict[str, list[StockCompany]])
    contracts = stocks["ACME"][0].contracts
    assert [(each.conid, each.exchange, each.is_us) for each in contracts] == [
        (4711, "NYSE", True),
        (4712, "MEXI", False),
    ]


def test_flags() -> None:
    status = read_sample(AUTH_STATUS, AuthStatus)
    assert status.ready
    assert status.server_info.server_name == "JisfN1"


@pytest.mark.parametrize(
    ("authenticated", "established", "ready"),
    [
        (True, True, True),
        (True, False, False),
        (True, None, True),
        (False, True, False),
        (None, None, False),
        (False, None, False),
    ],
)
def test_readiness(authenticated: Any, established: Any, ready: bool) -> None:
    assert AuthStatus(authenticated=authenticated, established=established).ready is ready


def test_a_tickle_keeps_its_session_to_itself() -> None:
    tickle = read_sample(TICKLE, Tickle)
    assert tickle.session == TOKEN
    assert tickle.sso_expires_ms == 540000
    assert tickle.status is not None
    assert tickle.status.ready
    assert TOKEN not in repr(tickle) + str(tickle) + f"{[tickle]}"


@pytest.mark.parametrize(
    "iserver", [None, TickleServer(), TickleServer(auth_status=None)], ids=repr
)
def test_a_tickle_without_flags_has_no_status(iserver: Any) -> None:
    assert Tickle(iserver=iserver).status is None


def quote(**raw: object) -> MarketData:
    return MarketData(conid=1, conid_ex="1", raw={key.strip("f"): raw[key] for key in raw})


def test_market_data_by_property_name_and_code() -> None:
    data = quote(f31="C1,234.50", f84="99.5", f86=100, f88="1,000", f85="2K", f7059="5", conid=1)
    assert data.last == data.get("last") == data.get("31") == Decimal("1234.50")
    assert (data.bid, data.ask) == (Decimal("99.5"), Decimal(100))
    sizes = [data.bid_size, data.ask_size, data.last_size]
    assert sizes == [Decimal(1000), Decimal(2000), Decimal(5)]
    assert set(data.values) == {"last", "bid", "ask", "bid_size", "ask_size", "last_size"}


@pytest.mark.parametrize("moment", [None, "", "soon", [], {}, True, 1e300, float("inf")], ids=repr)
def test_market_data_without_a_readable_time(moment: object) -> None:
    assert quote(_updated=moment).updated is None
    assert quote().updated is None
    assert quote(_updated=1_600_000_000_123).updated == datetime(
        2020, 9, 13, 12, 26, 40, 123_000, tzinfo=UTC
    )


def test_market_data_that_is_not_there_or_not_readable_is_none() -> None:
    data = quote(f31="soon", f84="", f86=None, f6008="x", f7184=[], f55={})
    for name in ("last", "bid", "ask", "bid_size", "conid", "can_be_traded", "symbol", "nonsense"):
        assert data.get(name) is None
    assert (data.last, data.bid, data.ask, data.bid_size) == (None, None, None, None)


def test_market_data_is_read_by_kind() -> None:
    data = quote(f6008="4711", f7184="1", f55="ACME", f7289="2.5T", f83="1.5%", f99999="x")
    assert data.values == {
        "conid": 4711,
        "can_be_traded": True,
        "symbol": "ACME",
        "market_cap": "2.5T",
        "change_percent": Decimal("1.5"),
        "99999": "x",
    }


@pytest.mark.parametrize(
    ("raw", "is_close", "halted"),
    [
        ({"31": "C10"}, True, False),
        ({"31": "H10"}, False, True),
        ({"31": "CH10"}, True, True),
        ({"31": "10"}, False, False),
        ({"31": 10.5}, None, None),
        ({"31": ""}, None, None),
        ({}, None, None),
    ],
)
def test_marks(raw: dict[str, object], is_close: bool | None, halted: bool | None) -> None:
    data = MarketData(conid=1, conid_ex="1", raw=raw)
    assert (data.is_close, data.halted) == (is_close, halted)


def test_the_table_of_fields_is_one_to_one() -> None:
    assert len(NAMES) == len(CODES) == len(KINDS) == len(FIELDS)
    assert all(code.isdigit() and name.isidentifier() for code, name in NAMES.items())


def test_models_are_frozen_comparable_and_travel() -> None:
    position = read_sample(POSITION, Position)
    assert position == read_sample(POSITION, Position)
    assert pickle.loads(pickle.dumps(position)) == position
    with pytest.raises(AttributeError):
        position.conid = 5
    for name in bezant.models.__all__:
        each = getattr(bezant.models, name)
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            assert each.__struct_config__.frozen


def test_a_missing_value_that_was_promised_is_an_error_where_it_is_read() -> None:
    position = some(Position, account_id="DU1")
    assert position.account_id == "DU1"
    assert position.expiry is None
    assert [position.has(name) for name in ("account_id", "conid", "expiry")] == [
        True,
        False,
        False,
    ]
    with pytest.raises(MissingValue, match=r"^GET /x: Position\.conid has no value") as caught:
        _ = position.conid
    assert (caught.value.field, caught.value.model) == ("conid", "Position")
    with pytest.raises(AttributeError):
        _ = position.nonsense  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="Position has no field 'nonsense'"):
        position.has("nonsense")


def test_a_model_that_lacks_a_value_travels_as_others_do() -> None:
    position = some(Position, account_id="DU1", quantity=Decimal("1.50"))
    assert isinstance(position, Position)
    assert "conid=<missing>" in repr(position)
    for again in (
        copy.copy(position), copy.deepcopy(position), pickle.loads(pickle.dumps(position)),
    ):  # fmt: skip
        assert again == position
        with pytest.raises(MissingValue, match=r"^GET /x: Position\.conid"):
            _ = again.conid
    assert hash(position) == hash(copy.copy(position))
    assert json.loads(msgspec.json.encode(position)) == {"acctId": "DU1", "position": "1.50"}
    assert position.to_dict().get("quantity") == Decimal("1.50")
    assert "conid" not in position.to_dict()
    assert '"quantity":1.50' in position.to_json()


def test_a_model_as_a_mapping_and_as_text() -> None:
    status = AuthStatus(authenticated=True, server_info=some(ServerInfo, server_name="x"))
    assert status.to_dict()["server_info"]["server_name"] == "x"
    assert json.loads(status.to_json())["message"] is None
    position = read_sample(POSITION, Position)
    assert position.to_dict().keys() == set(Position.__struct_fields__)


def test_a_repr_shows_only_fields_with_values() -> None:
    status = AuthStatus(authenticated=True, message=None)
    assert repr(status) == "AuthStatus(authenticated=True)"
    assert status.__rich_repr__() == [("authenticated", True)]
    assert repr(AuthStatus()) == "AuthStatus()"
    tickle = Tickle(session=TOKEN, iserver=TickleServer(auth_status=status))
    assert repr(tickle) == f"Tickle(session=…, iserver=TickleServer(auth_status={status!r}))"
    assert TOKEN not in repr(tickle.__rich_repr__())
