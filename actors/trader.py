"""The trader: one account's loop from facts to orders. A plain asyncio object that knows nothing of Ray."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Protocol

from actors.inbox import Inbox
from trading.decide import TraderState, begin, decide
from trading.events import (
    Answer,
    Answered,
    Ask,
    Assignment,
    CancelOrders,
    Checkpoint,
    Decision,
    OutcomesArrived,
    Quarantine,
    Question,
    Record,
    RequestResync,
    Resynced,
    RunClosed,
    SaveCheckpoint,
    Snapshot,
    SubmitOrders,
    TimePassed,
)
from trading.orders import Outcome

TIMER_S = 1.0


class Fenced(Exception):
    """Somebody else holds this account's lease now. The trader ends; nothing that it decides may leave any more."""


class Quarantined(Exception):
    """The trader has stopped for good: a person must look at it before it trades again."""


class Desk(Protocol):
    """A trader's way out of its process: the gateway for orders, the ledger for what is to be remembered."""

    async def open(self, assignment: Assignment) -> Snapshot:
        """The account as the venue and the books agree on it. Waits for a gateway; `Fenced` if the epoch is old."""

    async def submit(self, assignment: Assignment, submission: SubmitOrders) -> tuple[Outcome, ...]:
        """One outcome an order, and never an error: no answer from the gateway is `Unknown` for each of them."""

    async def cancel(self, assignment: Assignment, cancellation: CancelOrders) -> None:
        """Ask for cancellations. What becomes of them arrives as news."""

    async def ask(self, assignment: Assignment, question: Question, /) -> Answer:
        """What the world outside says. Never an error: no answer in time is an answer that says so."""

    def save(self, assignment: Assignment, checkpoint: Checkpoint) -> None: ...
    def record(self, assignment: Assignment, record: Record) -> None: ...
    def run_closed(self, assignment: Assignment, reason: str) -> None:
        """The run has ended as was asked: nothing of it works at the venue any more."""


class Trader:
    """Trades one account. What it must not forget is in Postgres; start is recovery."""

    def __init__(self, assignment: Assignment, desk: Desk, clock: Callable[[], datetime]) -> None:
        self.assignment = assignment
        self.inbox = Inbox()
        self.state: TraderState = begin(assignment)
        self._desk = desk
        self._clock = clock
        self._performing: asyncio.TaskGroup | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._resyncing = False

    async def run(self) -> None:
        """Trade until cancelled. Raises what went wrong, also in the background, so that it can be restarted."""
        async with asyncio.TaskGroup() as self._performing:
            self._performing.create_task(self._tell_time())
            self.resync()
            while True:
                event = await self.inbox.get()
                self.state, decisions = decide(self.state, event, self._clock())
                for decision in decisions:
                    if isinstance(decision, Quarantine):
                        # What it decided before, cancellations above all, still goes out.
                        await asyncio.gather(*self._sending)
                    self._perform(decision)

    def resync(self) -> None:
        """Ask for the whole truth again: at the start, after a gap in the news, after the gateway was replaced."""
        if not self._resyncing:
            self._resyncing = True
            self._spawn(self._resync())

    def _perform(self, decision: Decision) -> None:
        # Sending does not hold up the loop: the books already count the orders as intended, so deciding again
        # meanwhile cannot send them twice.
        match decision:
            case SubmitOrders():
                self._send(self._submit(decision))
            case CancelOrders():
                self._send(self._desk.cancel(self.assignment, decision))
            case SaveCheckpoint(checkpoint):
                self._desk.save(self.assignment, checkpoint)
            case Record():
                self._desk.record(self.assignment, decision)
            case RequestResync():
                self.resync()
            case Ask(questions):
                for question in questions:
                    self._spawn(self._ask(question))
            case RunClosed(reason):
                self._desk.run_closed(self.assignment, reason)
            case Quarantine(reason):
                raise Quarantined(reason)

    def _spawn(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        assert self._performing is not None, "a trader performs only while it runs"
        return self._performing.create_task(work)

    def _send(self, work: Coroutine[None, None, None]) -> None:
        task = self._spawn(work)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _submit(self, submission: SubmitOrders) -> None:
        self.inbox.put(OutcomesArrived(await self._desk.submit(self.assignment, submission)))

    async def _ask(self, question: Question) -> None:
        self.inbox.put(Answered(await self._desk.ask(self.assignment, question)))

    async def _resync(self) -> None:
        snapshot = await self._desk.open(self.assignment)
        # From here on a further request is a new one: the snapshot may already be older than what prompted it.
        self._resyncing = False
        self.inbox.put(Resynced(snapshot))

    async def _tell_time(self) -> None:
        while True:
            await asyncio.sleep(TIMER_S)
            self.inbox.put(TimePassed())
