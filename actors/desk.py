"""One account's desk at the gateway: its intents, its orders at the venue, and all news of them.

Three sources say what became of an order: the answer to sending it, the user stream, and asking. All three go through
`Recorder`, which numbers what is really new; nothing reaches the trader that is not committed. The stream only makes
things fast. Whatever it drops, `Inquiry` finds by asking: when the stream begins, when something is doubtful, and from
time to time anyway.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import structlog

from actors.account_stream import AccountStream, Sockets
from actors.caretaker import Caretaker
from actors.inquiry import Inquiry, news_of
from actors.messages import NewsLost
from actors.recorder import News, Recorder
from actors.venue_clock import VenueClock
from exchanges.errors import ClockSkewed, OrderNotFound, OutcomeKnown, OutcomeUnknown, VenueError
from exchanges.port import Account, Balance, StreamOpened, UserEvent, VenueOrder
from storage import orders as order_store
from storage.database import Database
from storage.errors import DATABASE_ERRORS
from storage.orders import Fenced, Forbidden, Intended, OrderNews
from trading.events import Assignment, BalancesChanged, Checkpoint, Event, OrderChanged
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol
from trading.orders import (
    TERMINAL,
    WORKING,
    Accepted,
    ApprovedOrder,
    Order,
    OrderEvent,
    OrderState,
    Outcome,
    Refused,
    Unknown,
)

SUBMISSIONS_WAITING_MAX = 20
"""A trader asks again only when it has been answered. One that has asked so often is out of order."""
MORE_OFTEN_WITHOUT_STREAM = 6

log = structlog.get_logger()


class AccountDesk:
    """Sends one account's orders and records everything that becomes of them."""

    def __init__(
        self,
        *,
        assignment: Assignment,
        account: Account,
        key_version: int,
        database: Database,
        clock: VenueClock,
        sockets: Sockets,
        interval_s: Callable[[], float],
    ) -> None:
        """`interval_s`: how long to wait between two looks that nothing asks for."""
        self.account = assignment.account
        self.key_version = key_version
        self.assignment = assignment
        self.symbols: frozenset[Symbol] = frozenset()
        self.host = ""
        self.deliver: Callable[[Event | NewsLost], None] = lambda _: None
        self.balances: dict[Asset, Balance] = {}
        self.unshown = False
        """Balances have changed since they were last shown to people."""
        self._venue = account
        self._interval_s = interval_s
        self._database = database
        self._clock = clock
        self._intending = asyncio.Lock()
        self._submissions = 0
        self._cancelling: set[ClientOrderId] = set()
        self._heard_of: set[Asset] = set()
        self._log = log.bind(account=assignment.account)
        self._recorder = Recorder(assignment.account, assignment.user, database, tell=self._tell, doubt=self._doubt)
        self._inquiry = Inquiry(
            account=assignment.account, venue=account, clock=clock, database=database, recorder=self._recorder
        )
        self._stream = AccountStream(account, sockets, hear=self._hear)
        self._caretaker = Caretaker(look=self._look, interval_s=self._patience_s, log=self._log)

    async def run(self) -> None:
        """Follow the user stream and keep the books in step, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stream.follow())
            group.create_task(self._caretaker.run())

    async def agreed(self) -> None:
        """Returns once the books have been brought in step with the venue; raises what keeps them from it."""
        await self._caretaker.looked()

    async def submit(
        self, assignment: Assignment, orders: Sequence[ApprovedOrder], checkpoint: Checkpoint
    ) -> tuple[Outcome, ...]:
        """Intend, commit, send. One outcome an order, in their order, and never an error.

        The intents, the lease check and the controls are one statement in the database. Each request is signed with a
        time from before that check: whatever holds it up on its way, it is dead before another trader may send.
        """
        if self._submissions >= SUBMISSIONS_WAITING_MAX:
            return tuple(
                _refuse(order, "busy", "too many submissions of this account wait already") for order in orders
            )
        self._submissions += 1
        try:
            # One at a time: a trader that floods us waits for itself, and not the others for a database connection.
            async with self._intending:
                signed_at = self._clock.now()
                refused, intended = await self._intend(assignment, orders, checkpoint, signed_at)
        finally:
            self._submissions -= 1
        outcomes = await asyncio.gather(
            *(
                self._send(order, signed_at)
                for order in orders
                if intended is not None and order.client_order_id in intended.new
            )
        )
        settled = {outcome.client_order_id: outcome for outcome in (*refused, *outcomes)}
        known = intended.known if intended is not None else {}
        return tuple(
            settled.get(order.client_order_id) or self._repeat(known[order.client_order_id]) for order in orders
        )

    async def _intend(
        self, assignment: Assignment, orders: Sequence[ApprovedOrder], checkpoint: Checkpoint, signed_at: datetime
    ) -> tuple[list[Outcome], Intended | None]:
        """Write down what may be sent. What may not is refused, and does not keep the rest."""
        refused: list[Outcome] = [
            _refuse(order, "frozen", self._inquiry.frozen[order.symbol])
            for order in orders
            if order.symbol in self._inquiry.frozen
        ]
        wanted = [order for order in orders if order.symbol not in self._inquiry.frozen]
        while wanted:
            try:
                async with self._database.transaction() as tx:
                    intended = await order_store.intend(
                        tx, assignment.account, assignment.user, assignment.epoch, wanted, checkpoint, signed_at
                    )
            except Fenced as error:
                return [*refused, *(_refuse(order, "fenced", str(error)) for order in wanted)], None
            except Forbidden as error:
                refused += [_refuse(order, "control", str(error)) for order in wanted if error.forbids(order)]
                wanted = [order for order in wanted if not error.forbids(order)]
            except DATABASE_ERRORS as error:
                # The commit may have come through all the same, so the intents may exist. But they were not sent and
                # never will be: an intent that exists is only ever asked for.
                self._log.warning("intents not committed", error=type(error).__name__)
                self._doubt(*(order.client_order_id for order in wanted))
                reason = "our database did not answer, so nothing was sent"
                return [*refused, *(_refuse(order, "database", reason) for order in wanted)], None
            else:
                return refused, intended
        return refused, None

    async def _send(self, order: ApprovedOrder, signed_at: datetime) -> Outcome:
        name = order.client_order_id
        since = asyncio.get_running_loop().time()
        try:
            placed = await self._venue.place(order, signed_at)
        except OutcomeKnown as error:
            if isinstance(error, ClockSkewed):
                self._clock.measure_soon()
            news = OrderNews(client_order_id=name, event=OrderEvent.REJECTED, reason=str(error))
            await self._recorder.record([news])
            return _refuse(order, error.code, error.reason)
        except OutcomeUnknown as error:
            news = OrderNews(client_order_id=name, event=OrderEvent.OUTCOME_LOST, reason=str(error))
            await self._recorder.record([news])
            self._doubt(name)
            return Unknown(client_order_id=name, reason=str(error))
        except Exception:
            self._doubt(name)
            raise
        self._stream.expect(since)
        if not await self._recorder.record([news_of(placed, name)]):
            self._doubt(name)
        return Accepted(client_order_id=name, venue_order_id=placed.venue_order_id)

    def _repeat(self, order: Order) -> Outcome:
        """The outcome of an order that was intended before: said again, never sent again."""
        name = order.client_order_id
        if order.state is OrderState.REJECTED:
            return Refused(client_order_id=name, code="", reason=order.reason)
        if order.venue_order_id is not None and order.state in TERMINAL | WORKING:
            return Accepted(client_order_id=name, venue_order_id=order.venue_order_id)
        self._doubt(name)
        return Unknown(client_order_id=name, reason="intended before; the venue is being asked")

    async def cancel(self, orders: Collection[tuple[Symbol, ClientOrderId]]) -> None:
        """Ask for each cancellation. What became of them is recorded, and delivered as news."""
        fresh = [(symbol, name) for symbol, name in orders if name not in self._cancelling]
        await asyncio.gather(*(self._cancel(symbol, name) for symbol, name in fresh))

    async def _cancel(self, symbol: Symbol, name: ClientOrderId) -> None:
        since = asyncio.get_running_loop().time()
        self._cancelling.add(name)
        try:
            await self._venue.cancel(symbol, name)
        except OrderNotFound:
            pass  # it ended otherwise, and the news of that may have been missed
        except VenueError as error:
            self._log.warning("cancellation not confirmed", order=name, reason=str(error))
        else:
            self._stream.expect(since)
        finally:
            self._cancelling.discard(name)
            self._doubt(name)

    async def _look(self, names: Collection[ClientOrderId] | None, fully: bool) -> list[ClientOrderId]:
        """Bring the books in step: these orders, or all of them; fully, with balances and whatever else traded."""
        left = await self._inquiry.look(names, trades=self.symbols if fully else ())
        if fully:
            self._heard_of.clear()
            balances = await self._venue.balances()
            # What the stream said meanwhile is newer.
            self._set_balances({asset: each for asset, each in balances.items() if asset not in self._heard_of})
        return [order.client_order_id for order in left]

    def _patience_s(self) -> float:
        return self._interval_s() if self._stream.stands else self._interval_s() / MORE_OFTEN_WITHOUT_STREAM

    async def _hear(self, events: Sequence[UserEvent]) -> None:
        news: list[News] = []
        for event in events:
            match event:
                case StreamOpened():
                    self._caretaker.look_fully()
                case VenueOrder() if event.client_order_id is not None:
                    news.append(news_of(event, event.client_order_id))
                case Fill():
                    news.append(event)
                case Mapping():
                    self._heard_of.update(event)
                    self._set_balances(event)
        if news and not await self._recorder.record(news):
            self._caretaker.look_fully()

    def _tell(self, news: OrderChanged | NewsLost) -> None:
        if isinstance(news, NewsLost) or news.order.run == self.assignment.run:
            self.deliver(news)

    def _doubt(self, *names: ClientOrderId) -> None:
        """The venue may know something of these orders that our books do not."""
        self._caretaker.doubt(names)

    def _set_balances(self, balances: Mapping[Asset, Balance]) -> None:
        changed = {asset: balance for asset, balance in balances.items() if self.balances.get(asset) != balance}
        if changed:
            self.balances |= changed
            self.unshown = True
            self.deliver(BalancesChanged({asset: (b.free, b.locked) for asset, b in changed.items()}))

    async def close(self) -> None:
        await self._venue.close()


def _refuse(order: ApprovedOrder, code: str, reason: str) -> Outcome:
    return Refused(client_order_id=order.client_order_id, code=code, reason=reason)
