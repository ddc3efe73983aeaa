"""One account's desk at the gateway: its intents, its orders at the venue, and all news of them.

Three sources say what became of an order: the answer to sending it, the user stream, and asking. All three go through
`storage.orders.record`, which numbers what is really new; nothing reaches the trader that is not committed. The stream
only makes things fast. Whatever it drops, `reconcile` finds by asking: it runs when the account is opened, when the
stream was lost, when something stays unsettled, and from time to time anyway.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

import structlog

from actors.venue_clock import VenueClock
from exchanges.errors import ClockSkewed, OrderNotFound, OutcomeKnown, OutcomeUnknown, VenueError
from exchanges.port import Account, Balance, UserEvent, VenueOrder
from storage import orders as order_store
from storage import runtime
from storage.database import Database
from storage.errors import DATABASE_ERRORS
from storage.orders import Fenced, Forbidden, OrderNews
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

RECONCILE_INTERVAL_S = 30.0
SETTLE_PAUSE_S = 0.5
STREAM_PAUSE_FIRST_S = 0.2
STREAM_PAUSE_MOST_S = 5.0
BALANCES_INTERVAL_S = 1.0

NEVER_ARRIVED = "never reached the venue"

_EVENTS = {
    OrderState.OPEN: OrderEvent.OPENED,
    OrderState.PARTIALLY_FILLED: OrderEvent.PARTIALLY_FILLED,
    OrderState.FILLED: OrderEvent.FILLED,
    OrderState.CANCELLED: OrderEvent.CANCELLED,
    OrderState.REJECTED: OrderEvent.REJECTED,
    OrderState.EXPIRED: OrderEvent.EXPIRED,
}

log = structlog.get_logger()

News = OrderNews | Fill


class AccountDesk:
    """Sends one account's orders and records everything that becomes of them."""

    def __init__(
        self,
        *,
        assignment: Assignment,
        account: Account,
        database: Database,
        clock: VenueClock,
        symbols: frozenset[Symbol],
        deliver: Callable[[Event], None],
    ) -> None:
        self.assignment = assignment
        self.deliver = deliver
        self.symbols = symbols
        self.balances: dict[Asset, Balance] = {}
        self._account = account
        self._database = database
        self._clock = clock
        self._recording = asyncio.Lock()
        self._reconciling = asyncio.Lock()
        self._wake = asyncio.Event()
        self._balances_shown = True
        self._log = log.bind(account=assignment.account)

    async def run(self) -> None:
        """Follow the user stream and keep the books in step, until cancelled."""
        self._look_again()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._tend())
            group.create_task(self._show_balances())

    async def submit(
        self, assignment: Assignment, orders: Sequence[ApprovedOrder], checkpoint: Checkpoint
    ) -> tuple[Outcome, ...]:
        """Intend, commit, send. The intents, the lease check and the controls are one statement in the database."""
        signed_at = self._clock.now()
        try:
            async with self._database.transaction() as tx:
                intended = await order_store.intend(
                    tx, assignment.account, assignment.user, assignment.epoch, orders, checkpoint, signed_at
                )
        except Fenced as error:
            return _refuse_all(orders, "fenced", str(error))
        except Forbidden as error:
            return _refuse_all(orders, "control", str(error))
        except DATABASE_ERRORS as error:
            # The commit may have come through all the same, so the intents may exist. But they were not sent and never
            # will be: an intent that exists is only ever asked for.
            self._log.warning("intents not committed", error=type(error).__name__)
            self._look_again()
            return _refuse_all(orders, "database", "our database did not answer, so nothing was sent")
        return tuple(
            await asyncio.gather(
                *(
                    self._send(order, signed_at)
                    if order.client_order_id in intended.new
                    else _repeat(intended.known[order.client_order_id])
                    for order in orders
                )
            )
        )

    async def _send(self, order: ApprovedOrder, signed_at: datetime) -> Outcome:
        name = order.client_order_id
        try:
            placed = await self._account.place(order, signed_at)
        except OutcomeKnown as error:
            if isinstance(error, ClockSkewed):
                self._clock.measure_soon()
            await self._record([OrderNews(client_order_id=name, event=OrderEvent.REJECTED, reason=str(error))])
            return Refused(client_order_id=name, code=error.code, reason=error.reason)
        except OutcomeUnknown as error:
            await self._record([OrderNews(client_order_id=name, event=OrderEvent.OUTCOME_LOST, reason=str(error))])
            self._look_again()
            return Unknown(client_order_id=name, reason=str(error))
        await self._record([_news_of(placed)])
        return Accepted(client_order_id=name, venue_order_id=placed.venue_order_id)

    async def cancel(self, orders: Sequence[tuple[Symbol, ClientOrderId]]) -> None:
        """Ask for each cancellation. What became of them is recorded, and delivered as news."""
        await asyncio.gather(*(self._cancel(symbol, name) for symbol, name in orders))

    async def _cancel(self, symbol: Symbol, name: ClientOrderId) -> None:
        try:
            await self._account.cancel(symbol, name)
        except OrderNotFound:
            self._look_again()  # it ended otherwise, and the news of that may have been missed
        except VenueError as error:
            self._log.warning("cancellation not confirmed", order=name, reason=str(error))
            self._look_again()

    async def reconcile(self) -> None:
        """Ask the venue for the whole truth and record it: orders first, so that fills find theirs."""
        async with self._reconciling:
            async with self._database.transaction() as tx:
                unsettled = await order_store.unsettled(tx, self.assignment.account)
            symbols = self.symbols | {order.symbol for order, _ in unsettled}
            for symbol in sorted(symbols):
                await self._reconcile_symbol(symbol, [item for item in unsettled if item[0].symbol == symbol])
            self._set_balances(await self._account.balances())
            async with self._database.transaction() as tx:
                left = await order_store.unsettled(tx, self.assignment.account)
            if any(order.state not in WORKING for order, _ in left):
                self._look_again()

    async def _reconcile_symbol(self, symbol: Symbol, unsettled: Sequence[tuple[Order, datetime]]) -> None:
        standing = {order.client_order_id: order for order in await self._account.open_orders(symbol)}
        news: list[News] = []
        for order, intended_at in unsettled:
            # Asked before the venue answers: an answer that is older than the window proves nothing.
            dead = self._clock.now() > intended_at + self._clock.receive_window
            found = standing.get(order.client_order_id) or await self._account.find(symbol, order.client_order_id)
            if found is not None:
                news.append(_news_of(found))
            elif dead:
                news.append(
                    OrderNews(client_order_id=order.client_order_id, event=OrderEvent.EXPIRED, reason=NEVER_ARRIVED)
                )
        async with self._database.transaction() as tx:
            read_to = await order_store.trades_read(tx, self.assignment.account, symbol)
        fills = await self._account.fills_since(symbol, read_to)
        await self._record([*news, *fills])
        if fills:
            async with self._database.transaction() as tx:
                await order_store.mark_trades_read(tx, self.assignment.account, symbol, fills[-1].trade_id)

    async def _follow(self) -> None:
        """Record what the user stream says, as it says it."""
        pause_s = STREAM_PAUSE_FIRST_S
        while True:
            try:
                async for events in batched(self._account.user_events()):
                    pause_s = STREAM_PAUSE_FIRST_S
                    await self._hear(events)
            except VenueError as error:
                # What it would have said meanwhile is asked for.
                self._log.warning("user stream lost", reason=str(error).splitlines()[0], again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, STREAM_PAUSE_MOST_S)
                self._look_again()

    async def _hear(self, events: Sequence[UserEvent]) -> None:
        news: list[News] = []
        for event in events:
            match event:
                case VenueOrder() if event.client_order_id is not None:
                    news.append(_news_of(event))
                case Fill():
                    news.append(event)
                case Mapping():
                    self._set_balances(event)
        if news:
            await self._record(news)

    async def _tend(self) -> None:
        """Reconcile when something is not settled, and from time to time anyway."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECONCILE_INTERVAL_S):
                    await self._wake.wait()
            # The stream usually brings what is missing within this pause, and asking costs request budget.
            await asyncio.sleep(SETTLE_PAUSE_S)
            self._wake.clear()
            try:
                await self.reconcile()
            except (VenueError, *DATABASE_ERRORS) as error:
                self._log.warning("not reconciled", reason=str(error).splitlines()[0])
                self._look_again()

    def _look_again(self) -> None:
        """The venue knows something that our books do not: ask soon, and again until it is settled."""
        self._wake.set()

    async def _record(self, news: Sequence[News]) -> None:
        """Commit news, then deliver what was new. One at a time, so that numbers are delivered in order.

        News that cannot be committed is let go: the venue still knows it, and is asked again.
        """
        if not news:
            return
        async with self._recording:
            try:
                async with self._database.transaction() as tx:
                    changes = await order_store.record(tx, self.assignment.account, self.assignment.user, news)
            except DATABASE_ERRORS as error:
                self._log.warning("news not committed", error=type(error).__name__)
                self._look_again()
                return
            for change in changes:
                if change.order.run == self.assignment.run:
                    self.deliver(change)
        if any(_lacks_fills(item, changes) for item in news):
            self._look_again()

    def _set_balances(self, balances: Mapping[Asset, Balance]) -> None:
        changed = {asset: balance for asset, balance in balances.items() if self.balances.get(asset) != balance}
        if changed:
            self.balances |= changed
            self._balances_shown = False
            self.deliver(BalancesChanged({asset: (b.free, b.locked) for asset, b in changed.items()}))

    async def _show_balances(self) -> None:
        """Keep the balances that people see no more than a moment old, without a write for every fill."""
        while True:
            await asyncio.sleep(BALANCES_INTERVAL_S)
            if self._balances_shown:
                continue
            self._balances_shown = True
            try:
                async with self._database.transaction() as tx:
                    await runtime.set_balances(
                        tx, self.assignment.account, self.assignment.user, dict(self.balances), datetime.now(UTC)
                    )
            except DATABASE_ERRORS as error:
                self._log.warning("balances not shown", error=type(error).__name__)
                self._balances_shown = False

    async def close(self) -> None:
        await self._account.close()


def _news_of(order: VenueOrder) -> OrderNews:
    assert order.client_order_id is not None
    return OrderNews(
        client_order_id=order.client_order_id,
        event=_EVENTS[order.state],
        venue_order_id=order.venue_order_id,
        executed=order.filled,
    )


def _lacks_fills(item: News, changes: Sequence[OrderChanged]) -> bool:
    """Whether the venue says that more of an order is filled than its recorded fills add up to."""
    if isinstance(item, Fill) or not item.executed:
        return False
    known = [change.order.filled for change in changes if change.order.client_order_id == item.client_order_id]
    return bool(known) and max(known) < item.executed


def _refuse_all(orders: Sequence[ApprovedOrder], code: str, reason: str) -> tuple[Outcome, ...]:
    return tuple(Refused(client_order_id=order.client_order_id, code=code, reason=reason) for order in orders)


async def _repeat(order: Order) -> Outcome:
    """The outcome of an order that was intended before: said again, never sent again."""
    if order.state is OrderState.REJECTED:
        return Refused(client_order_id=order.client_order_id, code="", reason=order.reason)
    if order.venue_order_id is not None and order.state in TERMINAL | WORKING:
        return Accepted(client_order_id=order.client_order_id, venue_order_id=order.venue_order_id)
    return Unknown(client_order_id=order.client_order_id, reason="intended before; the venue is being asked")


async def batched(events: AsyncIterator[UserEvent]) -> AsyncIterator[Sequence[UserEvent]]:
    """Whatever has arrived, together: a burst of fills is one transaction."""
    async for event in events:
        yield [event]
