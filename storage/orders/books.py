"""The part of an account's books that some news is about, in memory: pure, and deaf to what it has heard before."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from storage.orders.news import KnownOrder, OrderNews, add_fill, hear
from trading.events import OrderChanged
from trading.fills import Fill
from trading.ids import ClientOrderId, Symbol, TradeId

FillKey = tuple[Symbol, TradeId]


class FillEntry(msgspec.Struct, kw_only=True):
    fill: Fill
    seq: int = 0
    """The number of the news that told of it; 0 as long as it belongs to no order."""
    stored: bool
    """Whether the database has it."""
    changed: bool


class Books:
    """Orders and fills before the news, and after it. `changes` is what the news came to, numbered from `seq` on."""

    def __init__(self, seq: int, now: datetime, orders: Iterable[KnownOrder], fills: Iterable[Fill]) -> None:
        self.seq = seq
        self.orders = {known.order.client_order_id: known for known in orders}
        self.fills: dict[FillKey, FillEntry] = {
            (fill.symbol, fill.trade_id): FillEntry(fill=fill, stored=True, changed=False) for fill in fills
        }
        self.changes: list[OrderChanged] = []
        self.changed_orders: set[ClientOrderId] = set()
        self._now = now

    def take(self, news: OrderNews | Fill) -> None:
        match news:
            case OrderNews():
                known = self.orders.get(news.client_order_id)
                if known is not None:  # else somebody else placed it on this account
                    self._change(known, hear(known, news, self._now), None)
                    if self._adopt_fills(news.client_order_id):
                        known = self.orders[news.client_order_id]
                        self._change(known, hear(known, news, self._now), None)  # it may be over now
            case Fill() if (news.symbol, news.trade_id) not in self.fills:
                entry = FillEntry(fill=news, stored=False, changed=True)
                self.fills[news.symbol, news.trade_id] = entry
                if (owner := self._owner_of(news)) is not None:
                    self._count(entry, owner)
                    self._adopt_fills(owner.order.client_order_id)

    def _owner_of(self, fill: Fill) -> KnownOrder | None:
        if fill.client_order_id is not None:
            return self.orders.get(fill.client_order_id)
        # Most trade lists name only the venue's own order id, which is unique within a market.
        same = (known for known in self.orders.values() if known.order.symbol == fill.symbol)
        return next((known for known in same if known.order.venue_order_id == fill.venue_order_id), None)

    def _adopt_fills(self, name: ClientOrderId) -> int:
        """Count those that came before anybody knew that they were this order's. Answers how many there were."""
        order = self.orders[name].order
        orphans = [
            entry
            for entry in self.fills.values()
            if (entry.fill.symbol, entry.fill.venue_order_id) == (order.symbol, order.venue_order_id)
            and entry.fill.client_order_id is None
        ]
        for entry in orphans:
            self._count(entry, self.orders[name])
        return len(orphans)

    def _count(self, entry: FillEntry, owner: KnownOrder) -> None:
        fill = msgspec.structs.replace(entry.fill, client_order_id=owner.order.client_order_id)
        self._change(owner, add_fill(owner, fill, self._now), fill)
        entry.fill, entry.seq, entry.changed = fill, self.seq, True

    def _change(self, before: KnownOrder, after: KnownOrder, fill: Fill | None) -> None:
        if after == before:
            return
        self.orders[before.order.client_order_id] = after
        self.changed_orders.add(before.order.client_order_id)
        if after.told != before.told:
            self.seq += 1
            self.changes.append(OrderChanged(seq=self.seq, order=after.told, fill=fill))
