"""Three clients that nobody here wrote live through the same trading day, and agree on all of it with the referee."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from paper.fixed import units
from paper.server import PaperExchange
from paper.settings import PaperSettings
from tests.acceptance.paper.traders import MARKET, CcxtTrader, Heard, PythonBinanceTrader, SdkTrader, Trader

pytestmark = pytest.mark.slow

Opens = Callable[[PaperExchange, dict[str, Any]], Trader]


class Street:
    """The rest of the market, moved by hand so that the day is the same for everybody."""

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange

    async def offer(self, side: str, quantity: str, price: str) -> None:
        self._rest(side, quantity, price)
        await self._exchange.commit()

    async def trade(self, side: str, quantity: str, price: str) -> None:
        """Take what rests, down to a price, and let what that fires fire."""
        execution = self._exchange.venue.execution
        now = self._exchange.clock()
        execution.take_house(MARKET, side == "BUY", units(price), units(quantity), now)
        execution.settle(self._exchange.venue.pits[MARKET], now)
        await self._exchange.commit()

    async def print_at(self, price: str) -> None:
        self._rest("SELL", "0.00001", price)
        await self.trade("BUY", "0.00001", price)

    def _rest(self, side: str, quantity: str, price: str) -> None:
        execution = self._exchange.venue.execution
        execution.rest_house(MARKET, side == "BUY", units(price), units(quantity), self._exchange.clock())


async def live_through_the_day(trader: Trader, street: Street, deposit: Callable[[], Any]) -> dict[str, Any]:
    statuses: dict[str, str] = {}
    refusals: list[int] = []

    async def place(name: str, **order: str) -> None:
        statuses[name] = await trader.place(newClientOrderId=name, **order)

    async def refuse(name: str, **order: str) -> None:
        refusals.append(await trader.refusal(trader.place(newClientOrderId=name, **order)))

    gtc = {"timeInForce": "GTC"}
    await street.print_at("65000")
    for side, quantity, price in (
        ("SELL", "0.05", "65010"),
        ("SELL", "0.1", "65020"),
        ("BUY", "0.05", "64990"),
        ("BUY", "0.1", "64980"),
    ):
        await street.offer(side, quantity, price)

    await place("rests", side="BUY", type="LIMIT", quantity="0.02", price="64900", **gtc)
    await place("walks", side="BUY", type="MARKET", quantity="0.06")
    await place("partly", side="SELL", type="LIMIT", quantity="0.06", price="64990", timeInForce="IOC")
    await place("killed", side="BUY", type="LIMIT", quantity="0.14", price="65020", timeInForce="FOK")
    await place("spends", side="BUY", type="MARKET", quoteOrderQty="1000")

    await refuse("rests", side="BUY", type="LIMIT", quantity="0.02", price="64900", **gtc)
    await refuse("small", side="BUY", type="LIMIT", quantity="0.00001", price="64900", **gtc)
    await refuse("taker", side="BUY", type="LIMIT_MAKER", quantity="0.01", price="65020")
    await refuse("dear", side="BUY", type="LIMIT", quantity="100", price="64900", **gtc)
    await refuse("fires", side="SELL", type="STOP_LOSS", quantity="0.01", stopPrice="66000")
    refusals.append(await trader.refusal(trader.cancel("nobody")))

    await street.trade("SELL", "0.105", "64900")  # what rests at 64980, then a part of ours
    await deposit()
    await trader.cancel("rests")

    await place("stops", side="SELL", type="STOP_LOSS_LIMIT", quantity="0.01", price="64700", stopPrice="64800", **gtc)
    await street.offer("BUY", "0.00001", "64800")
    await street.trade("SELL", "0.00001", "64800")
    await street.trade("BUY", "0.004", "64700")

    await trader.oco(
        side="SELL",
        quantity="0.01",
        aboveType="LIMIT_MAKER",
        abovePrice="66000",
        aboveClientOrderId="profit",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice="64000",
        belowPrice="63900",
        belowTimeInForce="GTC",
        belowClientOrderId="loss",
    )
    await street.trade("BUY", "0.2", "66000")
    await trader.oco_old(
        side="SELL",
        quantity="0.008",
        price="67000",
        stopPrice="64000",
        stopLimitPrice="63900",
        stopLimitTimeInForce="GTC",
        limitClientOrderId="old-profit",
        stopClientOrderId="old-loss",
    )
    await trader.cancel("old-profit")

    await place("moves", side="BUY", type="LIMIT", quantity="0.001", price="60000", **gtc)
    await trader.replace(
        "moves", side="BUY", type="LIMIT", quantity="0.002", price="61000", newClientOrderId="moved", **gtc
    )
    await trader.replace(
        "moved", side="BUY", type="LIMIT", quantity="0.003", price="62000", newClientOrderId="last", **gtc
    )

    await until(lambda: any(name == "last" for name, _, _ in trader.heard))
    return {
        "statuses": statuses,
        "refusals": refusals,
        "balances": await trader.balances(),
        "orders": await trader.orders(),
        "open": await trader.open_orders(),
        "trades": await trader.trades(),
        "heard": trader.heard,
    }


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def administer(exchange: PaperExchange, method: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {exchange.admin_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, f"{exchange.rest_url}/_paper/{path}", json=body) as answer,
    ):
        return await answer.json()


async def day_of(opens: Opens) -> dict[str, Any]:
    exchange = PaperExchange(PaperSettings(feed="none"))
    await exchange.start()
    balances = {"USDT": "20000", "BTC": "0.05", "BNB": "1"}
    opened = await administer(exchange, "POST", "accounts", {"balances": balances, "discount": True})
    key = opened["accounts"][0]
    trader = opens(exchange, key)
    try:

        async def deposit() -> None:
            transfer = {"account": key["account"], "asset": "USDT", "amount": "500"}
            await administer(exchange, "POST", "deposits", transfer)

        await trader.open()
        await until(lambda: any(connection.accounts for connection in exchange.connections))
        day = await live_through_the_day(trader, Street(exchange), deposit)
        day["referee"] = {
            name: await administer(exchange, "GET", name) for name in ("accounts", "orders", "trades", "totals")
        }
    finally:
        await trader.close()
        await exchange.stop()
    return day


async def test_three_clients_and_the_referee_agree_on_a_trading_day() -> None:
    ccxt_day, python_binance_day, sdk_day = [
        await day_of(opens) for opens in (CcxtTrader, PythonBinanceTrader, SdkTrader)
    ]
    for day in (ccxt_day, python_binance_day, sdk_day):
        referee = day.pop("referee")
        (account,) = referee["accounts"]["accounts"]
        assert day["balances"] == {
            row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in account["balances"]
        }
        assert [trade[0] for trade in day["trades"]] == [trade["id"] for trade in referee["trades"]["trades"]]
        assert [(name, status) for name, status, _ in day["orders"]] == [
            (order["clientOrderId"], order["status"]) for order in referee["orders"]["orders"]
        ]
        for asset, total in referee["totals"].items():
            put_in, *elsewhere = (Decimal(total[kind]) for kind in ("deposited", "accounts", "fees", "house"))
            assert put_in == sum(elsewhere), asset
    assert ccxt_day == python_binance_day
    assert python_binance_day == sdk_day
    assert ccxt_day["statuses"] == {
        "rests": "NEW",
        "walks": "FILLED",
        "partly": "EXPIRED",
        "killed": "EXPIRED",
        "spends": "FILLED",
        "stops": "NEW",
        "moves": "NEW",
    }
    assert ccxt_day["refusals"] == [-2010, -1013, -2010, -2010, -2010, -2011]
    assert ccxt_day["open"] == ["last"]
    assert lives_of(ccxt_day["heard"])["profit"] == ["NEW", "FILLED"]
    assert lives_of(ccxt_day["heard"])["loss"] == ["NEW", "EXPIRED"]
    assert lives_of(ccxt_day["heard"])["rests"] == ["NEW", "PARTIALLY_FILLED", "CANCELED"]


def lives_of(heard: Heard) -> dict[str, list[str]]:
    lives: dict[str, list[str]] = {}
    for name, _, status in heard:
        lives.setdefault(name, []).append(status)
    return lives
