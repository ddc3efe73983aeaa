"""What a strategy would do right now with these params: its own function is asked, and nothing is sent or kept."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from api.pages.account import PRICE_AGE_MAX
from api.pages.visit import Visit
from storage.accounts import AccountRecord
from storage.candles import last_prices
from storage.reads import read_balances
from trading.ids import Asset, Symbol, base_of, quote_of
from trading.instruments import Instrument
from trading.market import Quote
from trading.money import exact
from trading.orders import DesiredOrder, Side
from trading.strategies import find_strategy, parse_params
from trading.strategies.contract import View

STEP = Decimal("0.00000001")
"""The rules of a market are known to the fleet alone; here prices and quantities are not rounded to them."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    orders: tuple[DesiredOrder, ...] = ()
    prices: Mapping[Symbol, Decimal] = {}
    missing: tuple[Symbol, ...] = ()
    """Without a recent price: nothing can be said."""
    buys: Decimal = Decimal(0)
    """What all buys together would bind, in quote."""
    free: Decimal | None = None
    quote: str = ""
    waits: bool = False
    """It needs candles and indicators, which only its trader has."""


async def preview(visit: Visit, account: AccountRecord, strategy: str, raw: Mapping[str, Any]) -> Preview:
    """Raises `ParamsRefused` when the params are wrong."""
    params = parse_params(strategy, raw, visit.strategies)
    found = find_strategy(strategy, visit.strategies)
    needs = found.needs(params)
    since = visit.now - PRICE_AGE_MAX
    prices = await last_prices(visit.tx, account.venue, needs.symbols, since=since)
    missing = tuple(symbol for symbol in needs.symbols if symbol not in prices)
    balances = (await read_balances(visit.tx, account)).balances or {}
    quote = quote_of(needs.symbols[0]) if needs.symbols else Asset("")
    free = exact(balances[quote][0]) if quote in balances else None
    if missing or needs.feeds:
        return Preview(prices=prices, missing=missing, free=free, quote=quote, waits=bool(needs.feeds))
    view = View(
        now=visit.now,
        quotes={symbol: _quote(visit, symbol, price) for symbol, price in prices.items()},
        instruments={symbol: _instrument(symbol) for symbol in prices},
        readings={},
        positions={},
        balances={Asset(asset): (exact(free), exact(locked)) for asset, (free, locked) in balances.items()},
        slots={},
    )
    wish = found.decide(view, found.state(), params)
    orders = tuple(sorted(wish.orders, key=lambda order: (order.symbol, -(order.price or 0))))
    return Preview(
        orders=orders,
        prices=prices,
        buys=sum((_cost(order, prices) for order in orders if order.side is Side.BUY), Decimal(0)),
        free=free,
        quote=quote,
    )


def _cost(order: DesiredOrder, prices: Mapping[Symbol, Decimal]) -> Decimal:
    return order.quantity * (order.price if order.price is not None else prices[order.symbol])


def _quote(visit: Visit, symbol: Symbol, price: Decimal) -> Quote:
    return Quote(symbol=symbol, bid=price, ask=price, last=price, at=visit.now, received_at=visit.now, version=1)


def _instrument(symbol: Symbol) -> Instrument:
    return Instrument(symbol=symbol, base=base_of(symbol), quote=quote_of(symbol), price_tick=STEP, lot_step=STEP)
