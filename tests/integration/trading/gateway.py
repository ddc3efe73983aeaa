"""A gateway and its database in memory, in front of the engine: the same rules of what is news, without the rows.

It stands where `actors.desk` and `storage.orders` stand, and is as unreliable as it is told to be. All that it tells
the trader waits in `post`.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from paper.errors import Refused as VenueRefused
from storage.orders import OrderNews
from storage.orders.books import Books, FillKey
from storage.orders.news import KnownOrder
from tests.integration.trading.engine import Engine, News
from trading.events import (
    BalancesChanged,
    Checkpoint,
    Control,
    Event,
    OrderChanged,
    OutcomesArrived,
    Snapshot,
    SubmitOrders,
)
from trading.fills import Fill
from trading.ids import ClientOrderId, Symbol
from trading.orders import Accepted, ApprovedOrder, Order, OrderEvent, OrderState, Outcome, Refused, Unknown


class Fate(StrEnum):
    """What becomes of a request on its way to the venue."""

    TAKEN = "taken"
    ANSWER_LOST = "answer_lost"
    NEVER_ARRIVED = "never_arrived"


class Gateway:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.post: list[Event] = []
        self.fates: deque[Fate] = deque()
        self.control = Control.ACTIVE
        self.orders: dict[ClientOrderId, KnownOrder] = {}
        self.fills: dict[FillKey, Fill] = {}
        self.refusals: list[str] = []
        """The venue's words for each order that it would not take."""
        self._seqs: dict[FillKey, int] = {}
        self._seq = 0
        self._checkpoint: Checkpoint | None = None

    # What the trader asks for

    def submit(self, submission: SubmitOrders) -> None:
        self.save(submission.checkpoint)
        for order in submission.orders:
            assert order.client_order_id not in self.orders, f"{order.slot} was sent twice under one name"
            self.orders[order.client_order_id] = KnownOrder(order=_intended(order, self.engine.now), settled_at=None)
        self.post.append(OutcomesArrived(tuple(self._send(order) for order in submission.orders)))

    def cancel(self, orders: Iterable[tuple[Symbol, ClientOrderId]]) -> None:
        for symbol, name in orders:
            fate = self.fates.popleft() if self.fates else Fate.TAKEN
            if fate is not Fate.NEVER_ARRIVED:
                try:
                    self.engine.cancel(symbol, name)
                except VenueRefused:
                    self.ask()  # it ended otherwise, and the news of that may have been missed

    def save(self, checkpoint: Checkpoint) -> None:
        # What is kept is JSON: it must survive the way there and back.
        self._checkpoint = msgspec.json.decode(msgspec.json.encode(checkpoint), type=Checkpoint)

    def snapshot(self) -> Snapshot:
        since = self._checkpoint.seq if self._checkpoint is not None else 0
        newest: dict[str, int] = {}
        for known in self.orders.values():
            newest[known.order.slot] = max(newest.get(known.order.slot, 0), known.order.cycle)
        fresh = sorted((seq, self.fills[key]) for key, seq in self._seqs.items() if seq > since)
        return Snapshot(
            seq=self._seq,
            checkpoint=self._checkpoint,
            orders=tuple(
                known.told
                for known in self.orders.values()
                if known.settled_at is None or known.order.cycle == newest[known.order.slot]
            ),
            fills=tuple(fill for _, fill in fresh),
            balances=self.engine.balances(),
            instruments=self.engine.instruments,
            control=self.control,
        )

    # What it hears

    def listen(self) -> None:
        """All that the user stream has brought."""
        news, self.engine.stream = self.engine.stream, []
        self.hear(news)

    def hear(self, news: Sequence[News]) -> Sequence[OrderChanged]:
        """Answers what was new in it."""
        if not news:
            return ()
        books = Books(self._seq, self.engine.now, self.orders.values(), self.fills.values())
        for item in news:
            books.take(item)
        self.orders = books.orders
        for key, entry in books.fills.items():
            if entry.changed:
                self.fills[key] = entry.fill
                if entry.seq:
                    self._seqs[key] = entry.seq
        self._seq = books.seq
        self.post += books.changes
        self.post.append(BalancesChanged(self.engine.balances()))
        return books.changes

    def ask(self) -> None:
        """Ask the venue about every order that may still change, and read its trade list."""
        news: list[News] = list(self.engine.fills())
        for known in self.orders.values():
            order = known.order
            if known.settled_at is None:
                found = self.engine.find(order.symbol, order.client_order_id)
                gone = OrderNews(
                    client_order_id=order.client_order_id, event=OrderEvent.EXPIRED, reason="never arrived"
                )
                news.append(found or gone)
        self.hear(news)

    def _send(self, order: ApprovedOrder) -> Outcome:
        name = order.client_order_id
        fate = self.fates.popleft() if self.fates else Fate.TAKEN
        if fate is Fate.NEVER_ARRIVED:
            return self._lose(name)
        try:
            placed = self.engine.place(order)
        except VenueRefused as refusal:
            self.refusals.append(f"{order.slot}: {refusal}")
            self.hear([OrderNews(client_order_id=name, event=OrderEvent.REJECTED, reason=refusal.message)])
            return Refused(client_order_id=name, code=str(refusal.code), reason=refusal.message)
        if fate is Fate.ANSWER_LOST:
            return self._lose(name)
        self.hear([placed])
        assert placed.venue_order_id is not None
        return Accepted(client_order_id=name, venue_order_id=placed.venue_order_id)

    def _lose(self, name: ClientOrderId) -> Outcome:
        self.hear([OrderNews(client_order_id=name, event=OrderEvent.OUTCOME_LOST, reason="no answer")])
        return Unknown(client_order_id=name, reason="no answer")


def _intended(order: ApprovedOrder, now: datetime) -> Order:
    fields = {name: getattr(order, name) for name in order.__struct_fields__ if name != "reason"}
    return Order(**fields, state=OrderState.INTENDED, created_at=now, updated_at=now)
