"""What was acknowledged is in the file; what was not may be; nothing else ever is."""

import asyncio
from pathlib import Path

import pytest

from paper.errors import JournalBroken
from paper.facts import FundsMoved, MarketMoved
from paper.journal import Journal


def fact(number: int) -> FundsMoved:
    return FundsMoved(id=number, account="ann", asset="USDT", amount=number, at=0)


async def write(path: Path, *numbers: int) -> None:
    journal = Journal(path)
    assert [known.id for known in journal.open() if isinstance(known, FundsMoved)] == [*range(1, min(numbers))]
    journal.start()
    for number in numbers:
        journal.append(fact(number))
    await journal.close()


def read(path: Path) -> list[int]:
    journal = Journal(path)
    numbers = [known.id for known in journal.open() if isinstance(known, FundsMoved)]
    asyncio.run(journal.close())
    return numbers


async def test_facts_come_back_in_order(tmp_path: Path) -> None:
    await write(tmp_path / "deep" / "journal", 1, 2, 3)
    await write(tmp_path / "deep" / "journal", 4, 5)
    assert await asyncio.to_thread(read, tmp_path / "deep" / "journal") == [1, 2, 3, 4, 5]


async def test_whoever_waited_finds_it_on_disk_before_the_journal_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    list(journal.open())
    journal.start()
    journal.append(fact(1))
    await journal.durable()
    assert (tmp_path / "journal").read_bytes().count(b"\n") == 1
    await journal.close()


async def test_many_waiters_share_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes: list[int] = []
    monkeypatch.setattr("os.fdatasync", flushes.append)
    journal = Journal(tmp_path / "journal")
    list(journal.open())
    journal.start()

    async def commit(number: int) -> None:
        journal.append(fact(number))
        await journal.durable()

    await asyncio.gather(*(commit(number) for number in range(100)))
    await journal.close()
    assert len(flushes) <= 2


async def test_half_a_line_at_the_end_was_never_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    await write(path, 1, 2)
    path.write_bytes(path.read_bytes() + b'{"type":"funds","id":3')
    await write(path, 3)
    assert await asyncio.to_thread(read, path) == [1, 2, 3]


def test_damage_in_the_middle_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    asyncio.run(write(path, 1, 2))
    path.write_bytes(b"rubbish\n" + path.read_bytes())
    with pytest.raises(JournalBroken, match="line 1"):
        read(path)


def test_two_exchanges_cannot_share_a_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal")
    list(first.open())
    with pytest.raises(JournalBroken, match="in use"):
        list(Journal(tmp_path / "journal").open())
    asyncio.run(first.close())


def moved(step: int, feed: tuple[float, ...] = ()) -> MarketMoved:
    return MarketMoved(step=step, at=step, markets={"BTCUSDT": (step, step)}, feed=feed)


async def test_where_the_market_once_was_is_thinned_out_at_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paper.journal._MOVES_MAX", 5)
    path = tmp_path / "journal"
    journal = Journal(path)
    list(journal.open())
    journal.start()
    for step in range(1, 11):
        journal.append(moved(step, (0.5, float(step)) if step % 4 == 0 else ()))
        journal.append(fact(step))
    await journal.close()
    again = Journal(path)
    assert len(list(again.open())) == 20
    again.start()
    again.append(fact(11))
    await again.close()
    kept = list(Journal(path).open())
    assert [known for known in kept if isinstance(known, FundsMoved)] == [fact(number) for number in range(1, 12)]
    assert [known for known in kept if isinstance(known, MarketMoved)] == [moved(8, (0.5, 8.0)), moved(10)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path / "journal", 1))
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


async def test_a_disk_that_fails_is_told_to_everybody_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdatasync", fail)
    journal = Journal(tmp_path / "journal")
    list(journal.open())
    journal.start()
    journal.append(fact(1))
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            await journal.durable()
    await journal.close()
