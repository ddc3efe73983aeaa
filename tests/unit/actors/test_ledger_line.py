"""What is to be remembered stays remembered while no ledger takes it, and leases are renewed meanwhile."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from actors.handles import ActorGone
from actors.ledger_line import LINES_KEPT_MAX, LedgerLine
from actors.messages import Heartbeat, LedgerBatch, Saved, Worth
from trading.events import Checkpoint
from trading.ids import AccountId, Asset, Epoch, RunId, UserId

ADA, BEN = AccountId("acc_ada"), AccountId("acc_ben")


class Ledger:
    """One that is away when told so."""

    def __init__(self) -> None:
        self.away = False
        self.batches: list[LedgerBatch] = []
        self.held = frozenset({ADA, BEN})
        self.found = 0

    async def find(self) -> "Ledger":
        self.found += 1
        return self

    async def write(self, batch: LedgerBatch) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise ActorGone("it died")
        self.batches.append(batch)

    async def beat(self, host: str, beats: Sequence[Heartbeat], /) -> frozenset[AccountId]:
        if self.away:
            raise ActorGone("it died")
        return self.held


def saved(version: int, account: AccountId = ADA) -> Saved:
    checkpoint = Checkpoint(version=version, seq=0, books={}, strategy={})
    return Saved(account=account, epoch=Epoch(1), run=RunId("run_1"), checkpoint=checkpoint)


def worth(number: int) -> Worth:
    amount = Decimal(number)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return Worth(
        account=ADA,
        user=UserId("usr_ada"),
        at=at,
        quote_asset=Asset("USDT"),
        equity=amount,
        realised=amount,
        unrealised=amount,
    )


def line_to(ledger: Ledger) -> LedgerLine:
    return LedgerLine("host-1", 0.001, ledger.find)


async def test_all_there_is_goes_in_one_batch_and_once() -> None:
    ledger = Ledger()
    line = line_to(ledger)
    line.save(saved(1))
    line.save(saved(2))
    line.weigh(worth(1))
    await line.flush()
    await line.flush()
    assert ledger.batches == [LedgerBatch(checkpoints=(saved(2),), equity=(worth(1),))]


async def test_what_was_not_taken_is_kept_before_what_came_meanwhile() -> None:
    ledger = Ledger()
    line = line_to(ledger)
    line.save(saved(1))
    line.save(saved(7, BEN))
    line.weigh(worth(1))
    ledger.away = True
    flushing = asyncio.create_task(line.flush())
    await asyncio.sleep(0)
    line.save(saved(2))
    line.weigh(worth(2))
    await flushing
    ledger.away = False
    await line.flush()
    (batch,) = ledger.batches
    assert batch.equity == (worth(1), worth(2))
    assert sorted(batch.checkpoints, key=lambda each: each.account) == [saved(2), saved(7, BEN)]


async def test_no_more_is_kept_than_there_is_room_for_and_the_newest_stay() -> None:
    ledger = Ledger()
    line = line_to(ledger)
    ledger.away = True
    for number in range(LINES_KEPT_MAX + 10):
        line.weigh(worth(number))
    await line.flush()
    line.weigh(worth(LINES_KEPT_MAX + 10))
    ledger.away = False
    await line.flush()
    (batch,) = ledger.batches
    assert len(batch.equity) == LINES_KEPT_MAX
    assert batch.equity[-1] == worth(LINES_KEPT_MAX + 10)


async def test_a_ledger_is_looked_up_again_only_when_it_failed() -> None:
    ledger = Ledger()
    line = line_to(ledger)
    for number in range(3):
        line.weigh(worth(number))
        await line.flush()
    assert ledger.found == 1
    ledger.away = True
    line.weigh(worth(3))
    await line.flush()
    ledger.away = False
    await line.flush()
    assert ledger.found == 2


def beat(account: AccountId, epoch: int) -> Heartbeat:
    return Heartbeat(account=account, user=UserId("usr"), epoch=Epoch(epoch), state="running")


async def test_a_lease_that_was_lost_is_named_with_its_epoch_and_a_ledger_that_is_away_loses_none() -> None:
    ledger = Ledger()
    line = line_to(ledger)
    heard: asyncio.Queue[frozenset[tuple[AccountId, Epoch]]] = asyncio.Queue()
    ledger.away = True
    beating = asyncio.create_task(line.beat(lambda: (beat(ADA, 3), beat(BEN, 4)), heard.put_nowait))
    await asyncio.sleep(0.01)
    assert heard.empty()
    ledger.held = frozenset({BEN})
    ledger.away = False
    assert await heard.get() == {(ADA, Epoch(3))}
    beating.cancel()
