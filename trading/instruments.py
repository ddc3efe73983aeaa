"""The rules a venue sets for one market, and the one way to make an order obey them."""

from decimal import Decimal

import msgspec

from trading.ids import Asset, Symbol
from trading.money import ZERO, ceil_to, floor_to
from trading.orders import Side


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One market's rules. A limit of zero means that the venue sets none."""

    symbol: Symbol
    base: Asset
    quote: Asset
    price_tick: Decimal
    lot_step: Decimal
    quantity_min: Decimal = ZERO
    quantity_max: Decimal = ZERO
    notional_min: Decimal = ZERO
    maker_fee: Decimal = ZERO
    taker_fee: Decimal = ZERO


class Unfit(msgspec.Struct, frozen=True):
    """Why an order cannot be made to fit the market's rules, and the nearest figure that would."""

    rule: str
    value: Decimal
    limit: Decimal

    def __str__(self) -> str:
        return f"{self.rule}: {self.value} against {self.limit}"


def fit_price(instrument: Instrument, side: Side, price: Decimal) -> Decimal:
    """Move a price onto the tick, always to the side that is no worse for us: buys down, sells up."""
    return floor_to(price, instrument.price_tick) if side is Side.BUY else ceil_to(price, instrument.price_tick)


def fit_quantity(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal | Unfit:
    """Cut a quantity to the lot, then check every limit again on what is left: rounding may have broken one."""
    lots = floor_to(quantity, instrument.lot_step)
    if instrument.quantity_max and lots > instrument.quantity_max:
        lots = floor_to(instrument.quantity_max, instrument.lot_step)
    if lots <= 0 or lots < instrument.quantity_min:
        return Unfit("quantity_min", lots, max(instrument.quantity_min, instrument.lot_step))
    if lots * price < instrument.notional_min:
        return Unfit("notional_min", lots * price, instrument.notional_min)
    return lots


def quantity_for(instrument: Instrument, quote_amount: Decimal, price: Decimal) -> Decimal | Unfit:
    """How much a quote amount buys at a price, in whole lots."""
    if price <= 0:
        return Unfit("price", price, instrument.price_tick)
    return fit_quantity(instrument, quote_amount / price, price)
