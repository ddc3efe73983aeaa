import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import leases
from storage.database import Database
from storage.orders import (
    Fenced,
    Forbidden,
    OrderNews,
    intend,
    mark_trades_read,
    record,
    save_checkpoint,
    snapshot_parts,
    trades_read,
    unsettled,
)
from storage.tables import AccountLease, Control, Event, FillRow, OrderIntent, Run
from tests.integration.storage.conftest import BTC, NOON, Tenant, a_fill, an_order, opened
from trading.events import Checkpoint, OrderChanged
from trading.fills import Fill
from trading.ids import AccountId, ClientOrderId, Epoch, Symbol, TradeId, VenueOrderId
from trading.orders import ApprovedOrder, OrderEvent, OrderState, Purpose

_numbers = count(1)


async def intend_one(
    tx: AsyncConnection, tenant: Tenant, order: ApprovedOrder, memory: int = 0
) -> frozenset[ClientOrderId]:
    checkpoint = Checkpoint(version=memory, seq=0, books={}, strategy={}) if memory else None
    return (await intend(tx, tenant.account, tenant.user, tenant.epoch, [order], checkpoint, NOON)).new


async def rows(tx: AsyncConnection, table: type) -> int:
    return await tx.scalar(select(func.count()).select_from(table)) or 0


class TestIntending:
    async def test_writes_the_order_exactly_as_it_will_be_sent(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            assert await intend_one(tx, ada, order) == {order.client_order_id}
            ((known, signed_at),) = await unsettled(tx, ada.account)
        assert signed_at == known.created_at == NOON
        assert known.state is OrderState.INTENDED
        same = {name: value for name, value in msgspec.structs.asdict(order).items() if name != "reason"}
        assert msgspec.structs.asdict(known).items() >= same.items()

    async def test_an_order_intended_twice_is_new_once(self, fleet: Database, ada: Tenant) -> None:
        first, second = an_order(ada), an_order(ada, slot="B:2")
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, first)
            await record(tx, ada.account, ada.user, [opened(first)])
        async with fleet.transaction() as tx:
            intended = await intend(tx, ada.account, ada.user, ada.epoch, [first, second], None, NOON)
        assert intended.new == {second.client_order_id}
        assert {name: order.state for name, order in intended.known.items()} == {first.client_order_id: OrderState.OPEN}

    async def test_two_gateways_at_once_make_one_intent(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)

        async def attempt() -> frozenset[ClientOrderId]:
            async with fleet.transaction() as tx:
                return await intend_one(tx, ada, order)

        assert sorted(map(len, await asyncio.gather(*(attempt() for _ in range(4))))) == [0, 0, 0, 1]

    @pytest.mark.parametrize("epoch_step", [-1, 1])
    async def test_is_refused_under_any_other_epoch(self, fleet: Database, ada: Tenant, epoch_step: int) -> None:
        stale = msgspec.structs.replace(ada, epoch=Epoch(ada.epoch + epoch_step))
        async with fleet.transaction() as tx:
            with pytest.raises(Fenced):
                await intend_one(tx, stale, an_order(ada), memory=1)
            assert await rows(tx, OrderIntent) == 0
            assert await tx.scalar(select(Run.checkpoint_version)) == 0

    async def test_is_refused_when_the_lease_has_run_out(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            await tx.execute(update(AccountLease).values(expires_at=func.clock_timestamp()))
            with pytest.raises(Fenced):
                await intend_one(tx, ada, an_order(ada))

    async def test_no_lease_is_granted_between_the_check_and_the_commit(self, fleet: Database, ada: Tenant) -> None:
        """Otherwise the old trader's order could be committed after the new trader has read the account's state."""
        async with fleet.transaction() as old:
            await intend_one(old, ada, an_order(ada))

            async def take_over() -> dict[AccountId, Epoch]:
                async with fleet.transaction() as tx:
                    await leases.release(tx, [(ada.account, ada.epoch)])
                    return await leases.grant(tx, [ada.account], "host-2", 60, grace_s=0)

            taking_over = asyncio.create_task(take_over())
            done, _ = await asyncio.wait([taking_over], timeout=0.1)
            assert not done
        assert await taking_over == {ada.account: ada.epoch + 1}

    @pytest.mark.parametrize("scope", ["*", "usr_ada", "acc_ada", "acc_ada/BTC/USDT"])
    async def test_halted_forbids_everything_at_every_level(self, fleet: Database, ada: Tenant, scope: str) -> None:
        async with fleet.transaction() as tx:
            await tx.execute(insert(Control).values(scope=scope, state="halted", reason="maintenance"))
            for purpose in Purpose:
                with pytest.raises(Forbidden, match="halted: maintenance") as refused:
                    await intend_one(tx, ada, an_order(ada, purpose=purpose))
                assert refused.value.scope == scope
            assert await rows(tx, OrderIntent) == 0

    async def test_reduce_only_lets_exits_through(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            await tx.execute(insert(Control).values(scope=ada.account, state="reduce_only"))
            with pytest.raises(Forbidden):
                await intend_one(tx, ada, an_order(ada))
            assert await intend_one(tx, ada, an_order(ada, slot="S:1", purpose=Purpose.EXIT))

    async def test_other_peoples_controls_do_not_matter(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            for scope in ("usr_ben", "acc_ben", "acc_ada/ETH/USDT", "acc_ben/BTC/USDT"):
                await tx.execute(insert(Control).values(scope=scope, state="halted"))
            await tx.execute(insert(Control).values(scope="*", state="active"))
            assert await intend_one(tx, ada, an_order(ada))

    async def test_remembers_the_newest_checkpoint_with_the_intent(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, an_order(ada), memory=3)
            await intend_one(tx, ada, an_order(ada, slot="B:2"), memory=2)
            parts = await snapshot_parts(tx, ada.account, ada.run)
        assert parts.checkpoint == Checkpoint(version=3, seq=0, books={}, strategy={})


class TestRecording:
    async def test_numbers_what_changed_without_a_gap(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            first = await record(tx, ada.account, ada.user, [opened(order), a_fill("1", "0.1", order=order)])
            rest = await record(tx, ada.account, ada.user, [a_fill("2", "0.2", order=order)])
        assert [change.seq for change in (*first, *rest)] == [1, 2, 3]
        assert [change.order.state for change in (*first, *rest)] == [
            OrderState.OPEN,
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
        ]
        assert rest[0].order.filled == Decimal("0.30")
        assert rest[0].order.quote_filled == Decimal("0.30") * Decimal("61204.10")

    async def test_news_heard_twice_says_nothing(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        news: list[OrderNews | Fill] = [opened(order), a_fill("1", "0.1", order=order)]
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            assert len(await record(tx, ada.account, ada.user, [*news, *news])) == 2
        async with fleet.transaction() as tx:
            assert await record(tx, ada.account, ada.user, news) == ()
            assert await rows(tx, FillRow) == 1

    async def test_a_trade_told_with_another_time_is_the_same_trade(self, fleet: Database, ada: Tenant) -> None:
        """The stream and the trade list may round differently, and the hypertable's key holds the time."""
        order = an_order(ada)
        fill = a_fill("1", "0.1", order=order)
        later = msgspec.structs.replace(fill, at=fill.at + timedelta(milliseconds=1))
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            await record(tx, ada.account, ada.user, [fill])
            assert await record(tx, ada.account, ada.user, [later]) == ()

    async def test_a_fill_that_names_no_order_finds_it_by_the_venues_id(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            await record(tx, ada.account, ada.user, [opened(order)])
            (change,) = await record(tx, ada.account, ada.user, [a_fill("1", "0.3")])
        assert change.fill is not None
        assert (change.order.state, change.fill.client_order_id) == (OrderState.FILLED, order.client_order_id)

    async def test_a_fill_that_came_before_its_order_was_known_is_counted_later(
        self, fleet: Database, ada: Tenant
    ) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            assert await record(tx, ada.account, ada.user, [a_fill("1", "0.3")]) == ()
        async with fleet.transaction() as tx:
            changes = await record(tx, ada.account, ada.user, [opened(order)])
            parts = await snapshot_parts(tx, ada.account, ada.run)
        assert [(c.seq, c.order.state, c.order.filled) for c in changes] == [
            (1, OrderState.OPEN, Decimal(0)),
            (2, OrderState.FILLED, Decimal("0.3")),
        ]
        assert [fill.client_order_id for fill in parts.fills] == [order.client_order_id]

    async def test_somebody_elses_trade_is_kept_and_takes_no_number(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        stranger = OrderNews(client_order_id=ClientOrderId("web_1"), event=OrderEvent.FILLED)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            foreign = a_fill("7", "5", venue_order="v99")
            assert await record(tx, ada.account, ada.user, [stranger, foreign]) == ()
            (change,) = await record(tx, ada.account, ada.user, [opened(order)])
            assert (await tx.execute(select(FillRow.run_id, FillRow.seq))).all() == [(None, 0)]
        assert change.seq == 1

    async def test_an_order_is_settled_when_its_fills_add_up(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        ended = OrderNews(
            client_order_id=order.client_order_id,
            event=OrderEvent.CANCELLED,
            venue_order_id=VenueOrderId("v1"),
            executed=Decimal("0.1"),
        )
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            await record(tx, ada.account, ada.user, [ended])
            assert [known.state for known, _ in await unsettled(tx, ada.account)] == [OrderState.CANCELLED]
            await record(tx, ada.account, ada.user, [a_fill("1", "0.1", order=order)])
            await record(tx, ada.account, ada.user, [ended])
            assert await unsettled(tx, ada.account) == []

    async def test_changes_are_told_in_the_outbox_as_they_were_answered(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            changes = await record(tx, ada.account, ada.user, [opened(order), a_fill("1", "0.3", order=order)])
            told = (await tx.execute(select(Event.kind, Event.user_id, Event.body).order_by(Event.id))).all()
        assert [(kind, user) for kind, user, _ in told] == [("order", ada.user), ("fill", ada.user)]
        assert tuple(msgspec.convert(body, OrderChanged) for *_, body in told) == changes

    async def test_news_of_one_account_is_taken_one_at_a_time(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)

        async def hear(trade: int) -> tuple[OrderChanged, ...]:
            async with fleet.transaction() as tx:
                return await record(tx, ada.account, ada.user, [a_fill(str(trade), "0.01", order=order)])

        changes = await asyncio.gather(*(hear(trade % 10) for trade in range(20)))
        assert sorted(change.seq for answer in changes for change in answer) == list(range(1, 11))
        async with fleet.transaction() as tx:
            ((known, _),) = await unsettled(tx, ada.account)
        assert known.filled == Decimal("0.10")


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_news_in_any_order_in_any_portions_over_any_restarts_ends_the_same(
    fleet: Database, ada: Tenant, data: st.DataObject
) -> None:
    """Three trades of one order, some told without its name; the venue's word that it filled; all of it told twice."""
    number = next(_numbers)
    order, venue_order = an_order(ada, slot=f"B:{number}"), f"v{number}"
    trades = [
        a_fill(f"{number * 10 + n}", "0.1", order=order if data.draw(st.booleans()) else None, venue_order=venue_order)
        for n in range(3)
    ]
    ended = msgspec.structs.replace(opened(order, venue_order), event=OrderEvent.FILLED, executed=order.quantity)
    news: list[OrderNews | Fill] = [opened(order, venue_order), *trades, ended] * 2
    changes: list[OrderChanged] = []
    async with fleet.transaction() as tx:
        await intend_one(tx, ada, order)
        before = (await snapshot_parts(tx, ada.account, ada.run)).seq
    left = data.draw(st.permutations(news))
    while left:
        size = data.draw(st.integers(1, len(left)))
        async with fleet.transaction() as tx:
            changes += await record(tx, ada.account, ada.user, left[:size])
        left = left[size:]
    async with fleet.transaction() as tx:
        parts = await snapshot_parts(tx, ada.account, ada.run)
        assert order.client_order_id not in {each.client_order_id for each, _ in await unsettled(tx, ada.account)}
    (known,) = [each for each in parts.orders if each.client_order_id == order.client_order_id]
    fills = [fill for fill in parts.fills if fill.venue_order_id == venue_order]
    assert (known.state, known.filled) == (OrderState.FILLED, Decimal("0.3"))
    assert known.quote_filled == sum(fill.quote for fill in fills)
    assert {fill.trade_id for fill in fills} == {trade.trade_id for trade in trades}
    assert {fill.client_order_id for fill in fills} == {order.client_order_id}
    assert [change.seq for change in changes] == list(range(before + 1, parts.seq + 1))
    assert changes[-1].order == known


class TestSnapshots:
    async def test_hold_what_is_unsettled_and_the_newest_cycle_of_each_slot(self, fleet: Database, ada: Tenant) -> None:
        old, newest = an_order(ada, cycle=1), an_order(ada, cycle=2)
        left_open = an_order(ada, slot="B:2", cycle=1)
        followed = an_order(ada, slot="B:2", cycle=2)
        async with fleet.transaction() as tx:
            for order in (old, newest, left_open, followed):
                await intend_one(tx, ada, order)
            ended = [a_fill(str(n), "0.3", order=o, venue_order=f"v{n}") for n, o in enumerate((old, newest, followed))]
            changes = await record(tx, ada.account, ada.user, ended)
            known = Checkpoint(version=1, seq=changes[-1].seq, books={}, strategy={})
            await save_checkpoint(tx, ada.account, ada.epoch, ada.run, known)
            parts = await snapshot_parts(tx, ada.account, ada.run)
        expected = {order.client_order_id for order in (newest, left_open, followed)}
        assert {order.client_order_id for order in parts.orders} == expected
        assert parts.seq == changes[-1].seq == 3

    async def test_hold_the_fills_that_the_checkpoint_does_not_know(self, fleet: Database, ada: Tenant) -> None:
        order = an_order(ada)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, order)
            await record(tx, ada.account, ada.user, [a_fill("2", "0.1", order=order), a_fill("1", "0.1", order=order)])
            await save_checkpoint(
                tx, ada.account, ada.epoch, ada.run, Checkpoint(version=1, seq=1, books={}, strategy={})
            )
            parts = await snapshot_parts(tx, ada.account, ada.run)
        assert [fill.trade_id for fill in parts.fills] == ["1"]

    async def test_hold_the_order_of_every_fill_that_they_hold(self, fleet: Database, ada: Tenant) -> None:
        old, newest = an_order(ada, cycle=1), an_order(ada, cycle=2)
        async with fleet.transaction() as tx:
            await intend_one(tx, ada, old)
            await intend_one(tx, ada, newest)
            await record(tx, ada.account, ada.user, [a_fill("1", "0.3", order=old)])
            parts = await snapshot_parts(tx, ada.account, ada.run)
        assert {order.client_order_id for order in parts.orders} == {old.client_order_id, newest.client_order_id}

    async def test_of_an_account_that_has_never_traded_are_empty(self, fleet: Database, ada: Tenant) -> None:
        async with fleet.transaction() as tx:
            parts = await snapshot_parts(tx, ada.account, ada.run)
        assert (parts.seq, parts.checkpoint, parts.orders, parts.fills) == (0, None, (), ())


class TestCheckpoints:
    async def test_replace_only_older_ones(self, fleet: Database, ada: Tenant) -> None:
        def version(number: int) -> Checkpoint:
            return Checkpoint(version=number, seq=number, books={"BTC": "0.1"}, strategy={"round": number})

        async with fleet.transaction() as tx:
            saved = [await save_checkpoint(tx, ada.account, ada.epoch, ada.run, version(n)) for n in (2, 1, 2, 3)]
            parts = await snapshot_parts(tx, ada.account, ada.run)
        assert saved == [True, False, False, True]
        assert parts.checkpoint == version(3)

    async def test_are_not_taken_from_a_trader_without_the_lease(self, fleet: Database, ada: Tenant) -> None:
        checkpoint = Checkpoint(version=1, seq=0, books={}, strategy={})
        async with fleet.transaction() as tx:
            assert not await save_checkpoint(tx, ada.account, Epoch(ada.epoch + 1), ada.run, checkpoint)


async def test_the_place_in_the_trade_list_is_kept_by_symbol(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        assert await trades_read(tx, ada.account, BTC) is None
        await mark_trades_read(tx, ada.account, BTC, TradeId("41"))
        await mark_trades_read(tx, ada.account, Symbol("ETH/USDT"), TradeId("7"))
        await mark_trades_read(tx, ada.account, BTC, TradeId("42"))
        assert await trades_read(tx, ada.account, BTC) == "42"
        assert await trades_read(tx, ada.account, Symbol("ETH/USDT")) == "7"
