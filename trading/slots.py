"""What became of each of a strategy's slots: all attempts of its newest cycle, taken together."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from trading.books import SlotFees
from trading.ids import Slot, Symbol
from trading.money import ZERO
from trading.orders import TERMINAL, Order, OrderState, Side

ATTEMPTS_KEPT = 12
"""Ended attempts without a fill say nothing but how often it failed; more of them than this say nothing new."""


class SlotFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A slot's newest cycle. Sums are over all its attempts, whatever their number."""

    slot: Slot
    cycle: int
    symbol: Symbol
    side: Side
    filled: Decimal
    quote_filled: Decimal
    fee_base: Decimal
    fee_quote: Decimal
    attempt: int
    failures: int
    """Newest attempts in a row that ended without a fill and without our wish."""
    live: tuple[Order, ...]
    """What is not ended, of this cycle or an older one: the venue has it, or may have it."""
    last: Order
    """The newest attempt."""

    @property
    def working(self) -> bool:
        return bool(self.live)

    @property
    def net_base(self) -> Decimal:
        """What it brought (a buy) or took (a sale) of the base asset, fees included."""
        return self.filled - self.fee_base if self.side is Side.BUY else self.filled + self.fee_base

    @property
    def net_quote(self) -> Decimal:
        """What it took (a buy) or brought (a sale) of the quote asset, fees included."""
        return self.quote_filled + self.fee_quote if self.side is Side.BUY else self.quote_filled - self.fee_quote

    @property
    def price(self) -> Decimal | None:
        """The average price of what filled, without fees."""
        return self.quote_filled / self.filled if self.filled else None

    @property
    def ended_at(self) -> datetime | None:
        return None if self.live else self.last.updated_at


def summarise(orders: Iterable[Order], fees: SlotFees | None) -> SlotFacts:
    """Take one slot's orders together. There must be at least one."""
    attempts = sorted(orders, key=lambda order: (order.cycle, order.attempt))
    last = attempts[-1]
    newest = [order for order in attempts if order.cycle == last.cycle]
    if fees is None or fees.cycle != last.cycle:
        fees = SlotFees(cycle=last.cycle)
    return SlotFacts(
        slot=last.slot,
        cycle=last.cycle,
        symbol=last.symbol,
        side=last.side,
        filled=sum((order.filled for order in newest), ZERO),
        quote_filled=sum((order.quote_filled for order in newest), ZERO),
        fee_base=fees.base,
        fee_quote=fees.quote,
        attempt=last.attempt,
        failures=_failures(newest),
        live=tuple(order for order in attempts if order.state not in TERMINAL),
        last=last,
    )


def worth_keeping(orders: Iterable[Order]) -> tuple[Order, ...]:
    """One slot's orders without those that can no longer matter. A late fill brings its whole order back."""
    attempts = sorted(orders, key=lambda order: (order.cycle, order.attempt))
    newest = attempts[-1].cycle if attempts else 0
    silent = [order for order in attempts if order.cycle == newest and order.state in TERMINAL and not order.filled]
    dropped = {order.client_order_id for order in silent[:-ATTEMPTS_KEPT]}
    return tuple(
        order
        for order in attempts
        if order.state not in TERMINAL or (order.cycle == newest and order.client_order_id not in dropped)
    )


def _failures(attempts: list[Order]) -> int:
    count = 0
    for order in reversed(attempts):
        if order.filled or order.state not in (OrderState.REJECTED, OrderState.EXPIRED):
            break
        count += 1
    return count
