"""One account: what it is worth, what it does, why it does nothing, and what it did."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from api.accounts.service import view
from api.history.controller import balance
from api.history.schemas import Balance
from api.pages.charts import seconds
from api.pages.checks import checks_of, headline
from api.pages.strip import loss_share
from api.pages.visit import Page, Visit
from storage.accounts import AccountRecord
from storage.candles import last_prices, read_candles
from storage.configs import ConfigRecord, find_config
from storage.controls import list_controls
from storage.holdings import Holdings, read_holdings
from storage.reads import (
    BalancesRead,
    DecisionRead,
    FillRead,
    OrderRead,
    list_decisions,
    list_fills,
    list_orders,
    read_balances,
)
from storage.worth import latest_worth, results_today
from trading.ids import Symbol
from trading.market import Candle
from trading.positions import Position
from trading.strategies import needs
from trading.timeframes import Timeframe

ROWS_SHOWN = 25
OPEN_ORDERS_MAX = 200
PRICE_AGE_MAX = timedelta(minutes=10)
CANDLES = 360
MARKS_MAX = 100


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    order: OrderRead
    distance: Decimal | None
    """From the market to its price, in per cent; None without either."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    position: Position
    mark: Decimal | None
    unrealised: Decimal | None
    percent: Decimal | None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that an account's page is made of."""

    record: AccountRecord
    config: ConfigRecord | None
    holdings: Holdings | None
    symbols: tuple[Symbol, ...]
    prices: Mapping[Symbol, Decimal]
    orders: Sequence[OrderRead]
    fills: Sequence[FillRead]
    decisions: Sequence[DecisionRead]
    balances: BalancesRead


async def read_facts(visit: Visit, record: AccountRecord) -> Facts:
    tx = visit.tx
    config = await find_config(tx, record.id)
    holdings = await read_holdings(tx, record)
    orders = await list_orders(tx, record, None, OPEN_ORDERS_MAX, open_only=True)
    fills = await list_fills(tx, record, None, ROWS_SHOWN)
    symbols = symbols_of(visit, config, [order.symbol for order in orders], holdings)
    recorded = await last_prices(tx, record.venue, symbols, since=visit.now - PRICE_AGE_MAX)
    traded = {Symbol(fill.symbol): fill.price for fill in reversed(fills) if visit.now - fill.at < PRICE_AGE_MAX}
    return Facts(
        record=record,
        config=config,
        holdings=holdings,
        symbols=symbols,
        prices={**traded, **recorded},
        orders=orders[:OPEN_ORDERS_MAX],
        fills=fills[:ROWS_SHOWN],
        decisions=(await list_decisions(tx, record, None, ROWS_SHOWN))[:ROWS_SHOWN],
        balances=await read_balances(tx, record),
    )


def symbols_of(
    visit: Visit, config: ConfigRecord | None, ordered: Sequence[str], holdings: Holdings | None
) -> tuple[Symbol, ...]:
    """What it trades by its strategy, then what it still has to do with."""
    found: dict[Symbol, None] = {}
    if config is not None and config.strategy in visit.strategies:
        found |= dict.fromkeys(needs(config.strategy, config.params, visit.strategies).symbols)
    found |= {Symbol(symbol): None for symbol in ordered}
    if holdings is not None:
        found |= {symbol: None for symbol, position in holdings.books.positions.items() if position.quantity}
    return tuple(found)


async def account_page(visit: Visit, account_id: str, symbol: str | None = None) -> Page:
    record = await visit.door.find(account_id)
    facts = await read_facts(visit, record)
    account = view(record, visit.settings)
    today = (await results_today(visit.tx, [record], visit.now)).get(record.id)
    controls = await list_controls(visit.tx, record.user_id, [record.id])
    shown = next((one for one in facts.symbols if one == symbol), facts.symbols[0] if facts.symbols else None)
    checks = checks_of(account, facts.holdings, facts.decisions, controls, facts.prices, facts.symbols, visit.now)
    watch = facts.holdings.watch if facts.holdings else None
    return Page(
        name="account",
        live=f"page=account&account={record.id}" + (f"&symbol={shown}" if shown else ""),
        fragments=("account/head", "account/figures", "account/why", "account/orders", "account/activity"),
        context={
            "account": account,
            "config": facts.config,
            "worth": (await latest_worth(visit.tx, [record])).get(record.id),
            "today": today,
            "loss_share": loss_share(today, watch),
            "positions": positions_of(facts),
            "orders": [OpenOrder(order=order, distance=distance_of(order, facts.prices)) for order in facts.orders],
            "fills": facts.fills,
            "decisions": facts.decisions,
            "balances": balances_of(facts.balances),
            "balances_at": facts.balances.balances_at,
            "symbols": facts.symbols,
            "symbol": shown,
            "prices": facts.prices,
            "checks": checks,
            "headline": headline(checks),
            "points": await _newest_point(visit, record, shown),
            "redraw": _drawn(facts),
        },
    )


def positions_of(facts: Facts) -> list[Held]:
    held = []
    for symbol, position in (facts.holdings.books.positions if facts.holdings else {}).items():
        if not position.quantity:
            continue
        mark = facts.prices.get(symbol)
        unrealised = None if mark is None else position.unrealised(mark)
        percent = unrealised / position.cost * 100 if unrealised is not None and position.cost else None
        held.append(Held(symbol=symbol, position=position, mark=mark, unrealised=unrealised, percent=percent))
    return held


def distance_of(order: OrderRead, prices: Mapping[Symbol, Decimal]) -> Decimal | None:
    mark = prices.get(Symbol(order.symbol))
    return None if mark is None or order.price is None else (order.price / mark - 1) * 100


def balances_of(found: BalancesRead) -> list[Balance]:
    every = [balance(asset, amounts) for asset, amounts in sorted((found.balances or {}).items())]
    return [one for one in every if one.total != "0"]


def _drawn(facts: Facts) -> str:
    """Changes when the lines and marks on the chart do."""
    lines = [(order.client_order_id, str(order.price)) for order in facts.orders]
    return msgspec.json.encode([lines, [fill.trade_id for fill in facts.fills[:3]]]).decode()


async def _newest_point(visit: Visit, record: AccountRecord, symbol: Symbol | None) -> list[dict[str, Any]]:
    if symbol is None:
        return []
    since = visit.now - timedelta(minutes=5)
    newest = await read_candles(visit.tx, record.venue, symbol, Timeframe.MINUTE_1, since=since, limit=1)
    return [{"chart": f"price {symbol} {Timeframe.MINUTE_1}", "point": point_of(candle)} for candle in newest]


def point_of(candle: Candle) -> dict[str, float]:
    return {
        "time": seconds(candle.opened_at),
        "open": float(candle.open),
        "high": float(candle.high),
        "low": float(candle.low),
        "close": float(candle.close),
    }


async def price_chart(visit: Visit, account_id: str, symbol: Symbol, timeframe: Timeframe) -> dict[str, Any]:
    """Candles with the account's own orders as lines and its fills as marks. Without candles: what it traded at."""
    record = await visit.door.find(account_id)
    since = visit.now - timeframe.length * CANDLES
    candles = await read_candles(visit.tx, record.venue, symbol, timeframe, since=since, limit=CANDLES)
    fills = [fill for fill in await list_fills(visit.tx, record, None, MARKS_MAX, symbol=symbol) if fill.at >= since]
    orders = await list_orders(visit.tx, record, None, OPEN_ORDERS_MAX, symbol=symbol, open_only=True)
    holdings = await read_holdings(visit.tx, record)
    precision = precision_of([candle.close for candle in candles] + [fill.price for fill in fills])
    main: dict[str, Any] = {"kind": "candles", "points": [point_of(candle) for candle in candles]}
    if not candles:
        traded = {seconds(fill.at): float(fill.price) for fill in reversed(fills)}
        main = {"kind": "line", "points": [{"time": at, "value": price} for at, price in sorted(traded.items())]}
    return {
        "series": [main | {"precision": precision}],
        "lines": [*_order_lines(visit, orders), *_cost_line(visit, holdings, symbol)],
        "marks": _marks(fills, timeframe if candles else None),
    }


def _order_lines(visit: Visit, orders: Sequence[OrderRead]) -> list[dict[str, Any]]:
    _ = visit.look.texts
    return [
        {
            "price": float(order.price),
            "title": _("buy") if order.side == "buy" else _("sell"),
            "tone": "gain" if order.side == "buy" else "loss",
        }
        for order in orders
        if order.price is not None
    ]


def _cost_line(visit: Visit, holdings: Holdings | None, symbol: Symbol) -> list[dict[str, Any]]:
    cost = holdings.books.position(symbol).average_cost if holdings else None
    if cost is None:
        return []
    return [{"price": float(cost), "title": visit.look.texts("paid"), "tone": "accent", "solid": True}]


def _marks(fills: Sequence[FillRead], timeframe: Timeframe | None) -> list[dict[str, Any]]:
    def at(moment: datetime) -> int:
        return seconds(moment) if timeframe is None else seconds(moment) // _length(timeframe) * _length(timeframe)

    return [{"time": at(fill.at), "side": fill.side, "text": ""} for fill in reversed(fills)]


def _length(timeframe: Timeframe) -> int:
    return int(timeframe.length.total_seconds())


def precision_of(prices: Sequence[Decimal]) -> int:
    """How many places the prices have, so that the axis shows them all."""
    return min(8, max((-int(price.normalize().as_tuple().exponent) for price in prices), default=2))
