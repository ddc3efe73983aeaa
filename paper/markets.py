"""The markets of the venue and the rules of each, as `exchangeInfo` tells them."""

from decimal import Decimal

import msgspec

from paper.errors import BadSettings
from paper.fixed import ONE, from_decimal
from trading.instruments import Instrument

DISCOUNT_ASSET = "BNB"
DISCOUNT_PERCENT = 25


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One market. Prices and quantities are in units (see `fixed`)."""

    symbol: str
    base: str
    quote: str
    price_tick: int
    lot_step: int
    notional_min: int
    start_price: int
    """Where the synthetic market begins."""
    price_min: int
    price_max: int = 1_000_000 * ONE
    quantity_max: int = 9_000_000 * ONE
    market_quantity_max: int = 1_000_000 * ONE
    notional_max: int = 9_000_000 * ONE
    percent_up: int = 5 * ONE
    """An order's price may be at most this many times the average price."""
    percent_down: int = ONE // 5
    orders_max: int = 200
    conditional_orders_max: int = 5
    trailing_delta_min: int = 10
    """In basis points of the price."""
    trailing_delta_max: int = 2000
    maker_fee: int = ONE // 1000
    taker_fee: int = ONE // 1000

    @property
    def name(self) -> str:
        return f"{self.base}/{self.quote}"

    def __post_init__(self) -> None:
        if self.price_tick <= 0 or self.lot_step <= 0 or self.price_tick * self.lot_step % ONE:
            raise BadSettings(f"{self.symbol}: a tick times a step must be a whole number of the quote's smallest unit")


def market(base: str, quote: str, *, start: str, tick: str, step: str, notional_min: str = "5") -> Market:
    price_tick = from_decimal(Decimal(tick))
    return Market(
        symbol=base + quote,
        base=base,
        quote=quote,
        price_tick=price_tick,
        price_min=price_tick,
        lot_step=from_decimal(Decimal(step)),
        notional_min=from_decimal(Decimal(notional_min)),
        start_price=from_decimal(Decimal(start)),
    )


def like(instrument: Instrument, start_price: Decimal) -> Market:
    """A market with the rules of a real venue's."""
    price_tick = from_decimal(instrument.price_tick)
    lot_step = from_decimal(instrument.lot_step)
    while price_tick * lot_step % ONE:
        lot_step *= 10
    return Market(
        symbol=f"{instrument.base}{instrument.quote}",
        base=instrument.base,
        quote=instrument.quote,
        price_tick=price_tick,
        price_min=price_tick,
        lot_step=lot_step,
        notional_min=from_decimal(instrument.notional_min),
        start_price=from_decimal(start_price),
        maker_fee=from_decimal(instrument.maker_fee),
        taker_fee=from_decimal(instrument.taker_fee),
    )


DEFAULT_MARKETS = (
    market("BTC", "USDT", start="65000", tick="0.01", step="0.00001"),
    market("ETH", "USDT", start="3400", tick="0.01", step="0.0001"),
    market("SOL", "USDT", start="150", tick="0.01", step="0.001"),
    market("BNB", "USDT", start="580", tick="0.01", step="0.001"),
    market("XRP", "USDT", start="0.55", tick="0.0001", step="0.1"),
    market("ETH", "BTC", start="0.0523", tick="0.00001", step="0.001", notional_min="0.0001"),
)
