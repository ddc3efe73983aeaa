"""The trader host: the Ray actor that holds one trader, or many, and the lines that they share."""

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime

import structlog

from actors import handles
from actors.config import FleetConfig
from actors.ended import EndedTraders
from actors.gateway_line import AccountUnusable, GatewayLine
from actors.handles import CallError, process
from actors.inbox import InboxFull
from actors.ledger_line import LedgerLine
from actors.logs import set_up_logs
from actors.messages import Decided, Heartbeat, HostReport, Saved, TraderEnded, Worth
from actors.tick_line import TickLine
from actors.trader import Fenced, Quarantined, Trader
from trading.appraisal import appraise
from trading.errors import TradingError
from trading.events import (
    Answer,
    Assignment,
    CancelOrders,
    Checkpoint,
    CloseMode,
    CloseRequested,
    Event,
    Question,
    QuoteChanged,
    ReadingChanged,
    Record,
    Snapshot,
    SubmitOrders,
)
from trading.ids import AccountId, Epoch, Symbol, VenueName
from trading.market import Quote, Reading
from trading.orders import Outcome

WEIGH_INTERVAL_S = 10.0
WATCH_S = 5.0
"""Who watches hears something within this time, were it only that the host lives."""

log = structlog.get_logger()


class TraderHost:
    """Holds traders. A trader that fails ends alone, and the supervisor hears of it; the host goes on.

    Imports neither ccxt nor SQLAlchemy and sees no secret: keys and connections live in the gateway.
    """

    def __init__(
        self, name: str, config: FleetConfig, assignments: Sequence[tuple[Assignment, str]], shared: bool
    ) -> None:
        set_up_logs(config.log_level)
        self._name = name
        self._shared = shared
        self._started_at = datetime.now(UTC)
        self._initial = assignments
        self._seats: dict[AccountId, Seat] = {}
        self._lines: dict[VenueName, tuple[GatewayLine, TickLine]] = {}
        self._readers: dict[tuple[VenueName, Symbol, str], list[Seat]] = {}
        """Who reads what: by venue, symbol, and timeframe; an empty one stands for the quotes."""
        self._ledger = LedgerLine(name, config.heartbeat_s)
        self._ended = EndedTraders()
        self._background: set[asyncio.Task[None]] = set()

    async def watch(self, after: int) -> tuple[int, Sequence[TraderEnded]]:
        """Brings traders that ended by themselves (see `EndedTraders`), or after a while the word that there is nothing
        new. The first call sets the host going.

        Raises when one of the host's own lines failed: better a dead host, which is replaced, than a half-deaf one.
        """
        if not self._background:
            self._run(self._ledger.write())
            self._run(self._ledger.beat(self._beats, self._lost))
            self._run(self._weigh())
            initial, self._initial = self._initial, ()
            await self.assign(initial)
        waiting = asyncio.create_task(self._ended.after(after, WATCH_S))
        done, _ = await asyncio.wait({waiting, *self._background}, return_when=asyncio.FIRST_COMPLETED)
        for line in done - {waiting}:
            line.result()
        return await waiting

    async def pid(self) -> int:
        return process()[0]

    async def report(self) -> HostReport:
        pid, node = process()
        return HostReport(
            host=self._name,
            pid=pid,
            node=node,
            shared=self._shared,
            started_at=self._started_at,
            accounts=(*((seat.assignment, seat.revision) for seat in self._seats.values()), *self._initial),
        )

    async def assign(self, assignments: Sequence[tuple[Assignment, str]]) -> None:
        for assignment, revision in assignments:
            gateway, _ = self._line(assignment.venue)
            try:
                seat = Seat(assignment, revision, gateway, self._ledger, self._ended)
            except TradingError as error:
                # Nothing that starting it again would change.
                self._ended.put(_ended(assignment, str(error), quarantine=True))
                continue
            except Exception as error:
                log.exception("trader not made", account=assignment.account)
                self._ended.put(_ended(assignment, repr(error)))
                continue
            before = self._seats.get(assignment.account)
            if before is not None and before.running is not None:
                before.running.cancel()
            self._seats[assignment.account] = seat
            seat.running = asyncio.create_task(self._sit(seat))
        self._rewire()

    async def close(self, account: AccountId, mode: CloseMode) -> None:
        seat = self._seats.get(account)
        if seat is not None and seat.closed is not None:
            # It has nothing left to do and said so, to somebody who is no more.
            self._ended.put(seat.closed)
        else:
            self.hear(account, CloseRequested(mode=mode, reason="stopped by its owner"))

    async def withdraw(self, accounts: Sequence[AccountId]) -> None:
        """Returns when those traders have ended, their memory is written and the gateway has forgotten their keys."""
        leaving = [self._seats.pop(account) for account in accounts if account in self._seats]
        self._rewire()
        for seat in leaving:
            if seat.running is not None:
                seat.running.cancel()
        await asyncio.gather(*(seat.running for seat in leaving if seat.running), return_exceptions=True)
        await self._ledger.flush()
        await asyncio.gather(*(seat.gateway.close(seat.assignment) for seat in leaving))

    def hear(self, account: AccountId, event: Event) -> None:
        seat = self._seats.get(account)
        if seat is not None:
            self._put(seat, event)

    def news_lost(self, account: AccountId) -> None:
        seat = self._seats.get(account)
        if seat is not None:
            seat.trader.resync()

    def see(self, venue: VenueName, news: Quote | Reading) -> None:
        if isinstance(news, Quote):
            changed = QuoteChanged(news)
            for seat in self._readers.get((venue, news.symbol, ""), ()):
                seat.trader.inbox.put(changed)
        else:
            for seat in self._readers.get((venue, news.symbol, news.timeframe), ()):
                self._put(seat, ReadingChanged(news))

    def gateway_replaced(self, venue: VenueName) -> None:
        for seat in self._seats.values():
            if seat.assignment.venue == venue:
                seat.trader.resync()

    def _put(self, seat: "Seat", event: Event) -> None:
        try:
            seat.trader.inbox.put(event)
        except InboxFull as full:
            self._unseat(seat, repr(full))

    def _unseat(self, seat: "Seat", reason: str, **facts: bool) -> None:
        """End one trader. The others are not to suffer for it."""
        if self._seats.get(seat.assignment.account) is seat:
            del self._seats[seat.assignment.account]
            if seat.running is not None:
                seat.running.cancel()
            self._ended.put(_ended(seat.assignment, reason, **facts))
            self._rewire()

    async def _sit(self, seat: "Seat") -> None:
        """Run one trader to its end, and say how it ended."""
        assignment = seat.assignment
        try:
            await seat.trader.run()
        except* Fenced as fenced:
            self._ended.put(_ended(assignment, str(fenced.exceptions[0]), fenced=True))
        except* (Quarantined, AccountUnusable) as quarantined:
            self._ended.put(_ended(assignment, str(quarantined.exceptions[0]), quarantine=True))
        except* Exception as failed:
            reason = repr(failed.exceptions[0])
            log.exception("trader failed", account=assignment.account, reason=reason)
            self._ended.put(_ended(assignment, reason))
        if self._seats.get(assignment.account) is seat:
            del self._seats[assignment.account]
            self._rewire()

    def _lost(self, leases: frozenset[tuple[AccountId, Epoch]]) -> None:
        """These leases are somebody else's: their traders end. The gateway would refuse them anyway."""
        for account, epoch in leases:
            seat = self._seats.get(account)
            if seat is not None and seat.assignment.epoch == epoch:
                self._unseat(seat, "the lease was lost", fenced=True)

    def _beats(self) -> tuple[Heartbeat, ...]:
        return tuple(seat.beat() for seat in self._seats.values())

    async def _weigh(self) -> None:
        """Put a point on each account's equity curve from time to time."""
        while True:
            await asyncio.sleep(WEIGH_INTERVAL_S)
            for seat in self._seats.values():
                seat.weigh()

    def _line(self, venue: VenueName) -> tuple[GatewayLine, TickLine]:
        if venue not in self._lines:
            line = self._lines[venue] = (GatewayLine(self._name, venue, self), TickLine(venue, self))
            self._run(line[0].listen())
            self._run(line[1].listen())
        return self._lines[venue]

    def _rewire(self) -> None:
        """Work out anew which trader reads what, and tell the tick streams."""
        readers: dict[tuple[VenueName, Symbol, str], list[Seat]] = {}
        for seat in self._seats.values():
            needs = seat.trader.state.needs
            series = {(feed.symbol, feed.timeframe) for feed in needs.feeds}
            for symbol, timeframe in (*((symbol, "") for symbol in needs.symbols), *series):
                readers.setdefault((seat.assignment.venue, symbol, timeframe), []).append(seat)
        self._readers = readers
        for venue, (_, ticks) in self._lines.items():
            here = [seat.trader.state.needs for seat in self._seats.values() if seat.assignment.venue == venue]
            ticks.want(
                (symbol for needs in here for symbol in needs.symbols), (feed for needs in here for feed in needs.feeds)
            )

    def _run(self, work: Coroutine[None, None, None]) -> None:
        self._background.add(asyncio.create_task(work))


class Seat:
    """A trader's place in a host, and its way out of it."""

    def __init__(
        self,
        assignment: Assignment,
        revision: str,
        gateway: GatewayLine,
        ledger: LedgerLine,
        ended: EndedTraders,
    ) -> None:
        self.assignment = assignment
        self.revision = revision
        self.gateway = gateway
        self.trader = Trader(assignment, self, lambda: datetime.now(UTC))
        self.running: asyncio.Task[None] | None = None
        self.closed: TraderEnded | None = None
        """Set when its run has ended as was asked."""
        self._ledger = ledger
        self._ended = ended
        self._opened = False
        self._lines = itertools.count(1)

    async def open(self, assignment: Assignment) -> Snapshot:
        snapshot = await self.gateway.open(assignment)
        if not self._opened:
            self._opened = True
            self._ledger.beat_soon()
        return snapshot

    async def submit(self, assignment: Assignment, submission: SubmitOrders) -> tuple[Outcome, ...]:
        return await self.gateway.submit(assignment, submission)

    async def cancel(self, assignment: Assignment, cancellation: CancelOrders) -> None:
        await self.gateway.cancel(assignment, cancellation)

    async def ask(self, _assignment: Assignment, question: Question) -> Answer:
        confirmation = handles.confirmation()
        if confirmation is None:
            return Answer(question=question.id, error="no model is there to ask")
        try:
            return await confirmation.answer(question)
        except CallError as error:
            return Answer(question=question.id, error=str(error))

    def run_closed(self, assignment: Assignment, reason: str) -> None:
        self.closed = _ended(assignment, reason, closed=True)
        self._ended.put(self.closed)

    def save(self, assignment: Assignment, checkpoint: Checkpoint) -> None:
        self._ledger.save(
            Saved(account=assignment.account, epoch=assignment.epoch, run=assignment.run, checkpoint=checkpoint)
        )

    def record(self, assignment: Assignment, record: Record) -> None:
        # Epoch and line number name the row for ever: written twice, it is there once.
        self._ledger.decide(
            Decided(
                id=f"{assignment.epoch}-{next(self._lines)}",
                account=assignment.account,
                user=assignment.user,
                run=assignment.run,
                record=record,
            )
        )

    def weigh(self) -> None:
        found = appraise(self.trader.state)
        if found is not None:
            self._ledger.weigh(
                Worth(
                    account=self.assignment.account,
                    user=self.assignment.user,
                    at=datetime.now(UTC),
                    quote_asset=found.quote_asset,
                    equity=found.equity,
                    realised=found.realised,
                    unrealised=found.unrealised,
                )
            )

    def beat(self) -> Heartbeat:
        return Heartbeat(
            account=self.assignment.account,
            user=self.assignment.user,
            epoch=self.assignment.epoch,
            state="running" if self._opened else "recovering",
        )


def _ended(assignment: Assignment, reason: str, **facts: bool) -> TraderEnded:
    return TraderEnded(account=assignment.account, epoch=assignment.epoch, reason=reason, **facts)
