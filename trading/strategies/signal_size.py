"""How much the signal strategy buys: so much that hitting the stop costs what may be lost."""

from decimal import Decimal

import msgspec

from trading.ids import Symbol, quote_of
from trading.instruments import Unfit, fit_price, fit_quantity
from trading.money import ZERO, ceil_to
from trading.orders import Side
from trading.positions import FLAT
from trading.strategies.contract import View
from trading.strategies.signal_params import SignalParams
from trading.strategies.signal_rules import ATR


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    worth: Decimal
    """Of the account, in quote: what the size is a share of."""
    quantity: Decimal
    limit: Decimal
    distance: Decimal
    """From the price paid down to the stop."""
    trail: Decimal
    """From the highest bid down to the trailing stop; zero without one."""


def size(view: View, symbol: Symbol, params: SignalParams, share: Decimal) -> Entry | str:
    """An entry at the ask with this share of the full size, or why there is none."""
    instrument = view.instruments[symbol]
    atr = _atr(view, symbol, params)
    if atr is None:
        return "there are no fresh candles to measure a stop with"
    limit = fit_price(instrument, Side.BUY, view.quotes[symbol].ask)
    distance = ceil_to(atr * params.stop_atr, instrument.price_tick)
    if not 0 < distance < limit:
        return f"a stop {distance} below {limit} is none"
    fee = instrument.taker_fee
    if params.take_profit_r is not None:
        target = limit + distance * params.take_profit_r
        if target * (1 - fee) * (1 - fee) <= limit:
            return f"a sale at the target {target} would not pay the fees"
    worth = _worth(view, params)
    lost_by_each = distance + fee * (limit + limit - distance)
    whole = min(
        worth * params.risk_pct / 100 / lost_by_each,
        worth * params.position_max_pct / 100 / limit,
        view.balances.get(instrument.quote, (ZERO, ZERO))[0] / limit,
    )
    quantity = fit_quantity(instrument, whole * share, limit)
    if isinstance(quantity, Unfit):
        return str(quantity)
    trail = ZERO if params.trailing_atr is None else ceil_to(atr * params.trailing_atr, instrument.price_tick)
    return Entry(worth=worth, quantity=quantity, limit=limit, distance=distance, trail=trail)


def _atr(view: View, symbol: Symbol, params: SignalParams) -> Decimal | None:
    """The newest ATR. A float, so it is read as it prints: what becomes of it is cut to the tick and the lot."""
    reading = view.readings.get((symbol, params.timeframe))
    if reading is None or view.now >= params.timeframe.replaced_at(reading.candles[-1].opened_at):
        return None
    return Decimal(str(reading.values[ATR.key][-1]))


def _worth(view: View, params: SignalParams) -> Decimal:
    """What there is in quote, and what the run holds, at the market."""
    cash = sum(view.balances.get(quote_of(Symbol(params.symbols[0])), ()), ZERO)
    held = (view.positions.get(Symbol(name), FLAT).quantity * view.quotes[Symbol(name)].mid for name in params.symbols)
    return cash + sum(held, ZERO)
