"""What a piece of news does to an order. Pure: the same news heard twice, or in another order, ends the same."""

from datetime import datetime
from decimal import Decimal

import msgspec

from trading.fills import Fill
from trading.ids import ClientOrderId, VenueOrderId
from trading.orders import TERMINAL, Order, OrderEvent, OrderState, advance

NOTHING_TRADED = frozenset({OrderEvent.REJECTED, OrderEvent.EXPIRED})
"""What ends an order all by itself. Other news does so only with a figure of what the venue has executed."""
ENDS = frozenset({OrderEvent.FILLED, OrderEvent.CANCELLED}) | NOTHING_TRADED
"""News of anything earlier may come late. What it says had traded by then does not settle what has ended since."""


class OrderNews(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue, or sending, said of one order."""

    client_order_id: ClientOrderId
    event: OrderEvent
    venue_order_id: VenueOrderId | None = None
    reason: str = ""
    executed: Decimal | None = None
    """How much the venue says has traded: until our fills add up to that, the order is not settled."""


class KnownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order with what only storage needs to know of it."""

    order: Order
    settled_at: datetime | None

    @property
    def told(self) -> Order:
        """The order as a trader may see it: not over before all of its fills are there.

        A venue may say that an order ended before it says what the order had traded. Whoever believed the first alone
        would send what seems to be missing once more.
        """
        if self.settled_at is not None or self.order.state not in TERMINAL:
            return self.order
        state = OrderState.PARTIALLY_FILLED if self.order.filled else OrderState.OPEN
        return msgspec.structs.replace(self.order, state=state)


def hear(known: KnownOrder, news: OrderNews, now: datetime) -> KnownOrder:
    order = known.order
    state = advance(order.state, news.event)
    changed = msgspec.structs.replace(
        order,
        state=state,
        venue_order_id=order.venue_order_id or news.venue_order_id,
        reason=order.reason if state is order.state else news.reason,
    )
    if news.executed is None:
        complete = news.event in NOTHING_TRADED
    else:
        complete = news.event in ENDS and order.filled >= news.executed
    return _settled(known, changed, now, complete=complete)


def add_fill(known: KnownOrder, fill: Fill, now: datetime) -> KnownOrder:
    """Count a fill that was not counted before."""
    order = known.order
    filled = order.filled + fill.quantity
    event = OrderEvent.FILLED if filled >= order.quantity else OrderEvent.PARTIALLY_FILLED
    state = advance(order.state, event)
    changed = msgspec.structs.replace(
        order,
        state=state,
        filled=filled,
        quote_filled=order.quote_filled + fill.quote,
        venue_order_id=order.venue_order_id or fill.venue_order_id,
        reason=order.reason if state is order.state else "",
    )
    return _settled(known, changed, now, complete=filled >= order.quantity)


def _settled(known: KnownOrder, changed: Order, now: datetime, *, complete: bool) -> KnownOrder:
    if changed != known.order:
        changed = msgspec.structs.replace(changed, updated_at=now)
    if changed.state not in TERMINAL:
        return KnownOrder(order=changed, settled_at=None)
    return KnownOrder(order=changed, settled_at=known.settled_at or (now if complete else None))
