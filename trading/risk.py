"""The only maker of an `ApprovedOrder`. Every wish passes here or is refused with the numbers that refused it.

Entries take on exposure and must pass everything. Exits give it up: they are let through on stale data and past every
limit on exposure, loss and count, and are refused only where sending them could not help (a halt, no balance, a price
that nobody meant).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from trading.events import Control
from trading.ids import Asset, RunId, Symbol, client_order_id
from trading.instruments import Instrument, Unfit, fit_quantity
from trading.ledgers import ledger_of
from trading.limits import Limits
from trading.market import Quote
from trading.money import ZERO
from trading.orders import ApprovedOrder, Purpose, Side
from trading.reconcile import Missing


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    value: Decimal | str
    limit: Decimal | str


class Headroom(msgspec.Struct, kw_only=True):
    """What is left to use within one decision. Each approval takes its part, so two cannot share the last of it."""

    free: dict[Asset, Decimal]
    exposure: dict[Symbol, Decimal]
    """What is held and bid for, by its market; in the one asset that limits are in."""
    open_orders: int
    orders_last_minute: int
    reserved: dict[tuple[str, Asset], Decimal] = {}
    """What each ledger may still use of an asset, where several strategies share the account."""


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What risk must know of an order's market."""

    instrument: Instrument
    quote: Quote | None
    control: Control
    quote_rate: Decimal | None
    """What the market's quote asset is worth in the asset that limits are in; None when unknown."""
    capital: Decimal | None = None
    """What a run's losses are measured against; None while it is not known."""
    daily_volatility: float | None = None
    in_step: Mapping[Symbol, float | None] = {}
    """How far each market held moves together with this one."""


def review(
    found: Missing, market: Market, headroom: Headroom, limits: Limits, *, run: RunId, now: datetime
) -> ApprovedOrder | Refusal:
    """Let an order through, taking its part of the headroom, or say which rule it breaks."""
    refusal = _check(found, market, headroom, limits, now)
    if refusal is not None:
        return refusal
    _take(found, market, headroom)
    wish = found.wish
    return ApprovedOrder(
        client_order_id=client_order_id(run, wish.slot, wish.cycle, found.attempt),
        run=run,
        slot=wish.slot,
        cycle=wish.cycle,
        attempt=found.attempt,
        symbol=wish.symbol,
        side=wish.side,
        kind=wish.kind,
        quantity=found.quantity,
        price=found.price,
        purpose=wish.purpose,
        reason=wish.reason,
    )


def cost_of(side: Side, instrument: Instrument, quantity: Decimal, price: Decimal) -> tuple[Asset, Decimal]:
    """What an order locks at the venue while it works."""
    return (instrument.quote, quantity * price) if side is Side.BUY else (instrument.base, quantity)


def _check(found: Missing, market: Market, headroom: Headroom, limits: Limits, now: datetime) -> Refusal | None:
    entry = found.wish.purpose is Purpose.ENTRY
    if not entry and found.wish.side is Side.BUY:
        return Refusal(rule="exit_that_buys", value=found.wish.side, limit=Side.SELL)
    if market.control is Control.HALTED or (entry and market.control is Control.REDUCE_ONLY):
        return Refusal(rule="control", value=market.control, limit=Control.ACTIVE)
    refusal = _check_price(found, market, limits, now, entry=entry) or _check_balance(found, market, headroom)
    if refusal is None and entry:
        refusal = _check_exit(found, market, limits) or _check_totals(found, market, headroom, limits)
    return refusal


def _check_price(found: Missing, market: Market, limits: Limits, now: datetime, *, entry: bool) -> Refusal | None:
    quote = market.quote
    age = None if quote is None else Decimal(str(quote.age(now).total_seconds()))
    if quote is None or age is None or age > limits.quote_age_max_s:
        if not entry:
            return None
        return Refusal(
            rule="stale_data", value=age if age is not None else "none", limit=Decimal(limits.quote_age_max_s)
        )
    if found.price is None:
        return None
    past = found.price / quote.mid * 100 - 100
    if found.wish.side is Side.SELL:
        past = -past
    if past > limits.price_band_pct:
        return Refusal(rule="price_band", value=past, limit=limits.price_band_pct)
    if entry and -past > limits.price_reach_pct:
        return Refusal(rule="price_reach", value=-past, limit=limits.price_reach_pct)
    return None


def _check_balance(found: Missing, market: Market, headroom: Headroom) -> Refusal | None:
    asset, needed = cost_of(found.wish.side, market.instrument, found.quantity, found.worth_at)
    free = headroom.free.get(asset, ZERO)
    if needed > free:
        return Refusal(rule="balance", value=needed, limit=free)
    if (ledger := ledger_of(found.wish.slot)) and needed > (left := headroom.reserved.get((ledger, asset), ZERO)):
        return Refusal(rule="reserved", value=needed, limit=left)
    return None


def _check_exit(found: Missing, market: Market, limits: Limits) -> Refusal | None:
    """What is bought must be sellable: after a fee in base, in whole lots, above min-notional at a lower price."""
    kept = found.wish.quantity * (1 - market.instrument.taker_fee)
    sold_at = found.worth_at * (1 - limits.exit_margin_pct / 100)
    sellable = fit_quantity(market.instrument, kept, sold_at)
    if isinstance(sellable, Unfit):
        return Refusal(rule=f"exit_{sellable.rule}", value=sellable.value, limit=sellable.limit)
    return None


def _check_totals(found: Missing, market: Market, headroom: Headroom, limits: Limits) -> Refusal | None:
    if headroom.orders_last_minute >= limits.orders_per_minute_max:
        return _over("orders_per_minute", headroom.orders_last_minute + 1, limits.orders_per_minute_max)
    if headroom.open_orders >= limits.open_orders_max:
        return _over("open_orders", headroom.open_orders + 1, limits.open_orders_max)
    symbol = found.wish.symbol
    held = [market for market, exposure in headroom.exposure.items() if exposure]
    if symbol not in held and len(held) >= limits.open_positions_max:
        return _over("open_positions", len(held) + 1, limits.open_positions_max)
    if market.quote_rate is None:
        return Refusal(rule="no_rate", value=market.instrument.quote, limit="a quote for it")
    return _check_moves(found, market, headroom, limits) or _check_exposure(found, market, headroom, limits)


def _check_moves(found: Missing, market: Market, headroom: Headroom, limits: Limits) -> Refusal | None:
    """What the market does of itself. A limit that is asked for and cannot be measured yet refuses."""
    if limits.correlation_max is not None:
        for other, together in market.in_step.items():
            if together is None:
                return Refusal(rule="correlation_unknown", value=other, limit=limits.correlation_max)
            if together > float(limits.correlation_max):
                return Refusal(rule="correlation", value=f"{together:.2f} with {other}", limit=limits.correlation_max)
    if limits.volatile_loss_max_pct is not None:
        moves = market.daily_volatility
        if moves is None or market.capital is None or market.quote_rate is None:
            return Refusal(rule="volatility_unknown", value="too few prices yet", limit=limits.volatile_loss_max_pct)
        held = headroom.exposure.get(found.wish.symbol, ZERO) + found.quantity * found.worth_at * market.quote_rate
        at_risk = held * Decimal(str(moves)) / market.capital * 100
        if at_risk > limits.volatile_loss_max_pct:
            return Refusal(rule="volatility", value=round(at_risk, 2), limit=limits.volatile_loss_max_pct)
    return None


def _check_exposure(found: Missing, market: Market, headroom: Headroom, limits: Limits) -> Refusal | None:
    symbol = found.wish.symbol
    added = found.quantity * found.worth_at * (market.quote_rate or ZERO)
    here = headroom.exposure.get(symbol, ZERO) + added
    if limits.exposure_symbol_max is not None and here > limits.exposure_symbol_max:
        return Refusal(rule="exposure_symbol", value=here, limit=limits.exposure_symbol_max)
    in_all = sum(headroom.exposure.values(), ZERO) + added
    if limits.exposure_max is not None and in_all > limits.exposure_max:
        return Refusal(rule="exposure", value=in_all, limit=limits.exposure_max)
    return None


def _over(rule: str, value: int, limit: int) -> Refusal:
    return Refusal(rule=rule, value=Decimal(value), limit=Decimal(limit))


def _take(found: Missing, market: Market, headroom: Headroom) -> None:
    asset, needed = cost_of(found.wish.side, market.instrument, found.quantity, found.worth_at)
    headroom.free[asset] = headroom.free.get(asset, ZERO) - needed
    if ledger := ledger_of(found.wish.slot):
        headroom.reserved[ledger, asset] = headroom.reserved.get((ledger, asset), ZERO) - needed
    headroom.open_orders += 1
    headroom.orders_last_minute += 1
    if found.wish.side is Side.BUY and market.quote_rate is not None:
        symbol = found.wish.symbol
        added = found.quantity * found.worth_at * market.quote_rate
        headroom.exposure[symbol] = headroom.exposure.get(symbol, ZERO) + added


def strictest(*controls: Control) -> Control:
    order = (Control.HALTED, Control.REDUCE_ONLY, Control.ACTIVE)
    return min(controls, key=order.index, default=Control.ACTIVE)


def control_of(symbol: Symbol, control: Control, symbols: Mapping[Symbol, Control]) -> Control:
    return strictest(control, symbols.get(symbol, Control.ACTIVE))
