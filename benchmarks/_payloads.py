"""Responses and messages of the benchmark server, in the gateway's form, with invented values."""

from __future__ import annotations

import json
from typing import Any

ACCOUNT = "DU7654321"
PAGE = 100
# The messages of a burst are about this many contracts, in turn.
CONTRACTS = 50
FIRST_CONID = 100_000
# The options of the benchmark server are those of contract `FIRST_CONID` in this month.
CHAIN_MONTH = "JAN30"
CHAIN_STRIKES = range(200, 300)


def encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def accounts() -> bytes:
    return encode(
        [
            {
                "id": ACCOUNT,
                "PrepaidCrypto-Z": False,
                "PrepaidCrypto-P": False,
                "brokerageAccess": True,
                "accountId": ACCOUNT,
                "accountVan": ACCOUNT,
                "accountTitle": "A Person",
                "displayName": "A Person",
                "accountAlias": None,
                "accountStatus": 1704085200000,
                "currency": "EUR",
                "type": "DEMO",
                "tradingType": "PMRGN",
                "businessType": "IB_PROSERVE",
                "category": "",
                "ibEntity": "IBLLC-US",
                "faclient": False,
                "clearingStatus": "O",
                "covestor": False,
                "noClientTrading": False,
                "trackVirtualFXPortfolio": True,
                "acctCustType": "INDIVIDUAL",
                "parent": {
                    "mmc": [],
                    "accountId": "",
                    "isMParent": False,
                    "isMChild": False,
                    "isMultiplex": False,
                },
                "desc": ACCOUNT,
            }
        ]
    )


def position(number: int) -> dict[str, Any]:
    conid = FIRST_CONID + number
    price = 20 + number % 700 + 0.8945923
    size = float(number % 90 - 30 or 7)
    return {
        "acctId": ACCOUNT,
        "conid": conid,
        "contractDesc": f"SYM{number}",
        "position": size,
        "mktPrice": price,
        "mktValue": round(price * size, 2),
        "currency": "USD",
        "avgCost": price - 0.41981955,
        "avgPrice": price - 0.41981955,
        "realizedPnl": 0.0,
        "unrealizedPnl": round(0.41981955 * size, 2),
        "exchs": None,
        "expiry": None,
        "putOrCall": None,
        "multiplier": 0.0,
        "strike": "0",
        "exerciseStyle": None,
        "conExchMap": [],
        "assetClass": "STK",
        "undConid": 0,
        "model": "",
        "incrementRules": [{"lowerEdge": 0.0, "increment": 0.01}],
        "displayRule": {
            "magnification": 0,
            "displayRuleStep": [{"decimalDigits": 2, "lowerEdge": 0.0, "wholeDigits": 4}],
        },
        "time": 15,
        "chineseName": "&#x516C;&#x53F8;",
        "allExchanges": "AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,ISLAND,DRCTEDGE,BEX,BATS,EDGEA,BYX",
        "ticker": f"SYM{number}",
        "name": f"COMPANY NUMBER {number} INC",
        "isUS": True,
        "isEventContract": False,
        "fullName": f"SYM{number}",
        "listingExchange": "NASDAQ",
        "countryCode": "US",
        "lastTradingDay": None,
        "group": "Computers",
        "sector": "Technology",
        "sectorGroup": "Computers",
        "type": "COMMON",
        "hasOptions": True,
        "pageSize": PAGE,
    }


def positions(first: int, count: int) -> bytes:
    return encode([position(first + each) for each in range(count)])


def history(bars: int) -> bytes:
    return encode(
        {
            "serverId": "1234567",
            "symbol": "SYM1",
            "text": "COMPANY NUMBER 1 INC",
            "priceFactor": 100,
            "startTime": "20260402-13:30:00",
            "high": "65820/26572.9/67",
            "low": "64511/7122.825/10",
            "timePeriod": "1d",
            "barLength": 60,
            "mdAvailability": "S",
            "mktDataDelay": 0,
            "outsideRth": False,
            "tradingDayDuration": 390,
            "volumeFactor": 40,
            "priceDisplayRule": 1,
            "priceDisplayValue": "2",
            "negativeCapable": False,
            "messageVersion": 2,
            "data": [
                {
                    "o": round(640 + each % 97 / 7, 2),
                    "c": round(641 + each % 89 / 7, 2),
                    "h": round(655 + each % 83 / 7, 2),
                    "l": round(630 + each % 79 / 7, 2),
                    "v": round(1000 + each * 13.125, 3),
                    "t": 1775136600000 + each * 60_000,
                }
                for each in range(bars)
            ],
            "points": bars - 1,
            "travelTime": 48,
        }
    )


def order(number: int) -> dict[str, Any]:
    """Return order `number` as a row of the list of live orders.

    As in IBKR's lists, a market order has an empty price.
    """
    conid = FIRST_CONID + number
    market = number % 2 == 0
    return {
        "acct": ACCOUNT,
        "conidex": str(conid),
        "conid": conid,
        "account": ACCOUNT,
        "orderId": 473_740_000 + number,
        "cashCcy": "USD",
        "sizeAndFills": f"{number % 50}/100",
        "orderDesc": f"Buy 100 SYM{number}, Day",
        "description1": f"SYM{number}",
        "ticker": f"SYM{number}",
        "secType": "STK",
        "listingExchange": "NASDAQ.NMS",
        "remainingQuantity": 100.0 - number % 50,
        "filledQuantity": float(number % 50),
        "totalSize": 100.0,
        "companyName": f"COMPANY NUMBER {number} INC",
        "status": "Submitted",
        "order_ccp_status": "Submitted",
        "avgPrice": "647.09",
        "origOrderType": "MARKET" if market else "LIMIT",
        "supportsTaxOpt": "1",
        "lastExecutionTime": "260401234047",
        "orderType": "Market" if market else "Limit",
        "bgColor": "#FFFFFF",
        "fgColor": "#000000",
        "isEventTrading": "0",
        "price": "" if market else "646.50",
        "timeInForce": "GTC",
        "lastExecutionTime_r": 1775086847000,
        "side": "BUY",
    }


def orders(count: int) -> bytes:
    return encode({"orders": [order(each) for each in range(count)], "snapshot": True})


def scanner() -> bytes:
    """Return the response with all scanner parameters: about 200 kB, like the real response."""
    kinds = ["STK", "ETF.EQ.US", "FUT.US", "IND.US", "BOND", "STOCK.EU", "STOCK.HK"]
    return encode(
        {
            "scan_type_list": [
                {
                    "display_name": f"Scanner number {each} by something",
                    "code": f"SCAN_{each}",
                    "instruments": kinds[: 1 + each % 7],
                }
                for each in range(560)
            ],
            "instrument_list": [
                {
                    "display_name": f"Instruments {each}",
                    "type": f"KIND.{each}",
                    "filters": [f"afterFilter{item}" for item in range(60)],
                }
                for each in range(25)
            ],
            "filter_list": [
                {
                    "group": f"filterGroup{each}",
                    "display_name": f"Filter {each} above",
                    "code": f"filter{each}Above",
                    "type": "non-range",
                    **(
                        {"combo_values": [{"default": True, "vendor": {"a": "b"}}]}
                        if each % 10 == 0
                        else {}
                    ),
                }
                for each in range(620)
            ],
            "location_tree": [
                {
                    "display_name": f"Region {each}",
                    "type": f"R.{each}",
                    "locations": [
                        {
                            "display_name": f"Country {each}.{item}",
                            "type": f"R.{each}.{item}",
                            "locations": [],
                        }
                        for item in range(25)
                    ],
                }
                for each in range(20)
            ],
        }
    )


def stocks(symbols: str) -> bytes:
    """Return the listings of symbols such as ``SYM7``, which commas separate."""
    return encode({symbol: _listings(symbol) for symbol in symbols.split(",")})


def _listings(symbol: str) -> list[dict[str, Any]]:
    conid = FIRST_CONID + int(symbol[3:])
    return [
        {
            "name": f"COMPANY {symbol}",
            "chineseName": "&#x516C;&#x53F8;",
            "assetClass": "STK",
            "contracts": [
                {"conid": conid, "exchange": "NASDAQ", "isUS": True},
                {"conid": conid + 500_000, "exchange": "MEXI", "isUS": False},
            ],
        }
    ]


def definitions(conids: str) -> bytes:
    """Return the definitions of the contracts of `stocks`; commas separate the conids."""
    return encode({"secdef": [_definition(int(conid)) for conid in conids.split(",")]})


def _definition(conid: int) -> dict[str, Any]:
    symbol = f"SYM{conid - FIRST_CONID}"
    return {
        "conid": conid,
        "currency": "USD",
        "time": 4,
        "chineseName": "&#x516C;&#x53F8;",
        "allExchanges": "AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,ISLAND,DRCTEDGE,BEX,BATS,EDGEA,BYX",
        "listingExchange": "NASDAQ",
        "countryCode": "US",
        "name": f"COMPANY {symbol}",
        "assetClass": "STK",
        "expiry": None,
        "lastTradingDay": None,
        "group": "Computers",
        "putOrCall": None,
        "sector": "Technology",
        "sectorGroup": "Computers",
        "strike": "0",
        "ticker": symbol,
        "undConid": 0,
        "multiplier": 0.0,
        "type": "COMMON",
        "hasOptions": True,
        "fullName": symbol,
        "isUS": True,
        "incrementRules": [{"lowerEdge": 0.0, "increment": 0.01}],
    }


def search() -> bytes:
    """Return the result of a search for the underlying of the options."""
    months = {"secType": "OPT", "months": CHAIN_MONTH, "exchange": "SMART;AMEX;BATS;BOX;CBOE"}
    return encode(
        [
            {
                "conid": str(FIRST_CONID),
                "companyHeader": "COMPANY SYM0 - NASDAQ",
                "companyName": "COMPANY SYM0",
                "symbol": "SYM0",
                "description": "NASDAQ",
                "restricted": None,
                "sections": [{"secType": "STK"}, months],
            }
        ]
    )


def strikes() -> bytes:
    """Return the strikes of the options."""
    every = [float(each) for each in CHAIN_STRIKES]
    return encode({"call": every, "put": every})


def options(strike: str) -> bytes:
    """Return the options with a strike: calls and puts of all expiries of the month."""
    number = int(float(strike))
    return encode(
        [
            {
                "conid": 10_000 * number + 100 * ord(right) + day,
                "symbol": "SYM0",
                "secType": "OPT",
                "exchange": "SMART",
                "listingExchange": None,
                "right": right,
                "strike": float(number),
                "currency": "USD",
                "cusip": None,
                "coupon": "No Coupon",
                "desc1": "SYM0",
                "desc2": f"JAN {day} '30 {number} {'Call' if right == 'C' else 'Put'}",
                "maturityDate": f"203001{day:02}",
                "multiplier": "100",
                "tradingClass": "SYM0",
                "validExchanges": "SMART,AMEX,CBOE,PHLX,PSE,ISE,BOX,BATS,NASDAQOM,CBOE2,MIAX",
            }
            for day in (4, 11, 18, 25)
            for right in "CP"
        ]
    )


STATUS: dict[str, Any] = {
    "authenticated": True,
    "competing": False,
    "connected": True,
    "established": True,
    "message": "",
    "MAC": "00:00:00:00:00:00",
    "fail": "",
}
TICKLE: dict[str, Any] = {
    "session": "0123456789abcdef0123456789abcdef",
    "ssoExpires": 463_000,
    "collission": False,
    "userId": 123456789,
    "hmds": {"error": "no bridge"},
    "iserver": {"authStatus": STATUS},
}


def quote(number: int, last: str = "") -> bytes:
    """Return a typical market data message, about 150 bytes."""
    conid = FIRST_CONID + number % CONTRACTS
    cents = number % 100
    return encode(
        {
            "server_id": "q0",
            "conidEx": str(conid),
            "conid": conid,
            "_updated": 1775136600000 + number,
            "6119": "q0",
            "84": f"168.{cents:02}",
            "86": f"168.{cents:02}",
            "31": last or f"168.{cents:02}",
            "topic": f"smd+{conid}",
        }
    )
