"""Traders that ended are told until somebody has taken note."""

import asyncio

from actors.ended import EndedTraders
from actors.messages import TraderEnded
from trading.ids import AccountId, Epoch

ADA, BEN = AccountId("acc_ada"), AccountId("acc_ben")


def ended(account: AccountId, epoch: int = 1) -> TraderEnded:
    return TraderEnded(account=account, epoch=Epoch(epoch), reason="out of luck")


async def test_who_asks_is_told_what_there_is_and_then_waits() -> None:
    traders = EndedTraders()
    traders.put(ended(ADA))
    number, told = await traders.after(0, wait_s=10)
    assert told == [ended(ADA)]
    asking = asyncio.create_task(traders.after(number, wait_s=10))
    await asyncio.sleep(0)
    traders.put(ended(BEN))
    assert (await asking)[1] == [ended(BEN)]


async def test_nothing_new_is_said_too_after_a_while() -> None:
    assert await EndedTraders().after(7, wait_s=0) == (7, ())


async def test_what_nobody_took_note_of_is_told_to_the_next_who_asks() -> None:
    traders = EndedTraders()
    traders.put(ended(ADA))
    gone = asyncio.create_task(traders.after(0, wait_s=10))
    await gone
    assert (await traders.after(0, wait_s=10))[1] == [ended(ADA)]


async def test_one_who_asks_in_vain_takes_nothing_from_the_next() -> None:
    traders = EndedTraders()
    gone = asyncio.create_task(traders.after(0, wait_s=10))
    waits = asyncio.create_task(traders.after(0, wait_s=10))
    await asyncio.sleep(0)
    traders.put(ended(ADA))
    assert (await waits)[1] == (await gone)[1] == [ended(ADA)]


async def test_of_one_account_only_the_newest_end_is_told() -> None:
    traders = EndedTraders()
    traders.put(ended(ADA, 1))
    traders.put(ended(BEN, 4))
    traders.put(ended(ADA, 2))
    assert (await traders.after(0, wait_s=10))[1] == [ended(BEN, 4), ended(ADA, 2)]
