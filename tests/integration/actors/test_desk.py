"""A desk between a real venue with bad days, a real database and a trader: nothing is lost, doubled or stuck."""

import asyncio

import pytest

from actors import account_stream, desks
from actors.inquiry import NEVER_ARRIVED
from actors.messages import Denied, NewsLost
from paper.faults import FaultKind
from tests.trading_floor import BTC, ETH, Customer, Floor, until
from trading.orders import Accepted, OrderState, Outcome, Refused, Side, Unknown

pytestmark = pytest.mark.slow

PLACE = "POST /api/v3/order"
CANCEL = "DELETE /api/v3/order"
FIND = "GET /api/v3/order"


async def test_an_order_that_fills_is_told_once_with_all_of_its_fills(ada: Customer) -> None:
    order = ada.order()
    (outcome,) = await ada.submit(order)
    assert isinstance(outcome, Accepted)
    filled = await ada.hears(OrderState.FILLED, order)
    assert (filled.filled, filled.venue_order_id) == (order.quantity, outcome.venue_order_id)
    assert [each.seq for each in ada.news] == list(range(1, len(ada.news) + 1))
    assert all(filled == order.quantity for state, filled in ada.told(order) if state is OrderState.FILLED)
    await ada.books_equal_the_venues()
    assert await ada.requests(FIND) == [], "what the stream tells need not be asked for"


async def test_what_was_submitted_twice_is_sent_once(ada: Customer) -> None:
    order = ada.resting()
    (first,), (second,) = await asyncio.gather(ada.submit(order), ada.submit(order))
    assert isinstance(first, Accepted)
    assert second.client_order_id == order.client_order_id
    assert not isinstance(second, Refused)
    (third,) = await ada.submit(order)
    assert third == first
    assert len(await ada.requests(PLACE)) == 1


async def test_a_refusal_by_the_venue_is_told_in_its_words(ada: Customer) -> None:
    order = ada.resting(quantity="100")
    (outcome,) = await ada.submit(order)
    assert isinstance(outcome, Refused)
    assert "insufficient balance" in outcome.reason
    assert (await ada.hears(OrderState.REJECTED, order)).reason == f"{outcome.reason} ({outcome.code})"


class TestLostRequestsAndReplies:
    async def test_a_reply_lost_after_an_instant_fill_is_found_by_asking(self, floor: Floor, ada: Customer) -> None:
        floor.fault(FaultKind.LOSE_REPLY, request=PLACE, times=1)
        order = ada.order()
        (outcome,) = await ada.submit(order)
        assert isinstance(outcome, Unknown)
        assert (await ada.hears(OrderState.FILLED, order)).filled == order.quantity
        await ada.books_equal_the_venues()
        assert len(await ada.requests(PLACE)) == 1

    async def test_a_reply_lost_while_the_stream_is_silent_is_found_by_asking(
        self, floor: Floor, ada: Customer
    ) -> None:
        floor.fault(FaultKind.STALL_SOCKETS)
        floor.fault(FaultKind.LOSE_REPLY, request=PLACE, times=1)
        await asyncio.sleep(0.5)  # the venue stalls its sockets at its own pace
        order = ada.order()
        await ada.submit(order)
        assert (await ada.hears(OrderState.FILLED, order)).filled == order.quantity
        await ada.books_equal_the_venues()

    async def test_a_request_that_never_arrived_is_proven_lost_and_not_sooner(
        self, floor: Floor, ada: Customer
    ) -> None:
        floor.fault(FaultKind.LOSE_REQUEST, request=PLACE, times=1)
        order = ada.order()
        began = asyncio.get_running_loop().time()
        (outcome,) = await ada.submit(order)
        assert isinstance(outcome, Unknown)
        expired = await ada.hears(OrderState.EXPIRED, order)
        assert expired.reason == NEVER_ARRIVED
        assert asyncio.get_running_loop().time() - began > floor.config.receive_window_ms / 1000
        assert await ada.venue_orders() == []

    async def test_a_request_held_up_longer_than_its_window_is_dead(self, floor: Floor, ada: Customer) -> None:
        floor.fault(FaultKind.DELAY_REQUEST, request=PLACE, times=1, ms=floor.config.receive_window_ms + 500)
        order = ada.order()
        (outcome,) = await ada.submit(order)
        assert isinstance(outcome, Refused)
        assert outcome.code == "-1021"
        assert await ada.venue_orders() == []

    @pytest.mark.parametrize("kind", [FaultKind.ERROR_AFTER, FaultKind.TRUNCATE])
    async def test_an_answer_that_settles_nothing_is_no_refusal(
        self, floor: Floor, ada: Customer, kind: FaultKind
    ) -> None:
        floor.fault(kind, request=PLACE, times=1)
        order = ada.order()
        (outcome,) = await ada.submit(order)
        assert isinstance(outcome, Unknown)
        await ada.hears(OrderState.FILLED, order)
        await ada.books_equal_the_venues()


class TestCancelling:
    async def test_a_cancelled_order_is_told_to_be_over(self, ada: Customer) -> None:
        order = ada.resting()
        await ada.submit(order)
        await ada.cancel(order)
        assert (await ada.hears(OrderState.CANCELLED, order)).filled == 0

    @pytest.mark.parametrize("kind", [FaultKind.LOSE_REPLY, FaultKind.ERROR_AFTER])
    async def test_a_cancellation_whose_reply_is_lost_while_the_stream_is_silent_is_found(
        self, floor: Floor, ada: Customer, kind: FaultKind
    ) -> None:
        order = ada.resting()
        await ada.submit(order)
        floor.fault(FaultKind.STALL_SOCKETS)
        floor.fault(kind, request=CANCEL, times=1)
        await asyncio.sleep(0.5)
        await ada.cancel(order)
        await ada.hears(OrderState.CANCELLED, order)

    async def test_cancelling_what_was_withdrawn_elsewhere_finds_out_how_it_ended(
        self, floor: Floor, ada: Customer
    ) -> None:
        order = ada.resting()
        await ada.submit(order)
        floor.fault(FaultKind.STALL_SOCKETS)
        await asyncio.sleep(0.5)
        await ada.withdraw_by_hand(order)
        await ada.cancel(order)
        await ada.hears(OrderState.CANCELLED, order)

    async def test_a_cancellation_under_way_is_not_sent_again(self, floor: Floor, ada: Customer) -> None:
        order = ada.resting()
        await ada.submit(order)
        floor.fault(FaultKind.DELAY_REQUEST, request=CANCEL, ms=300)
        await asyncio.gather(*(ada.cancel(order) for _ in range(5)))
        assert len(await ada.requests(CANCEL)) == 1

    async def test_a_fill_after_a_confirmed_cancellation_counts(self, floor: Floor, ada: Customer) -> None:
        order = ada.resting()
        await ada.submit(order)
        floor.fault(FaultKind.FILL_AFTER_CANCEL, times=1, ms=300)
        await ada.cancel(order)
        assert (await ada.hears(OrderState.FILLED, order)).filled == order.quantity
        await ada.books_equal_the_venues()

    async def test_only_the_trader_that_opened_the_account_last_may_cancel(self, floor: Floor, ada: Customer) -> None:
        order = ada.resting()
        await ada.submit(order)
        successor = await ada.take_over()
        await successor.open()
        await ada.cancel(order)
        assert await ada.requests(CANCEL) == []
        await successor.cancel(order)
        await successor.hears(OrderState.CANCELLED, order)


class TestStream:
    async def test_what_happened_before_the_stream_stood_is_asked_for(self, floor: Floor, ada: Customer) -> None:
        order = ada.resting()
        await ada.submit(order)
        await floor.stop_desks(floor.desks)
        await ada.withdraw_by_hand(order)
        floor.desks = await floor.start_desks()
        snapshot = await ada.open()
        assert [each.state for each in snapshot.orders] == [OrderState.CANCELLED]

    @pytest.mark.parametrize("kind", [FaultKind.REORDER_EVENTS, FaultKind.DUPLICATE_EVENTS])
    async def test_events_swapped_or_doubled_end_in_the_same_books(
        self, floor: Floor, ada: Customer, kind: FaultKind
    ) -> None:
        floor.fault(kind, probability=0.7)
        orders = [ada.order() for _ in range(10)]
        await asyncio.gather(*(ada.submit(order) for order in orders))
        for order in orders:
            assert (await ada.hears(OrderState.FILLED, order)).filled == order.quantity
        await ada.books_equal_the_venues()

    async def test_a_stream_cut_again_and_again_loses_nothing(self, floor: Floor, ada: Customer) -> None:
        orders = []
        for _ in range(5):
            floor.fault(FaultKind.DROP_SOCKETS, times=1)
            orders += [ada.order(), ada.order()]
            await ada.submit(*orders[-2:])
            await asyncio.sleep(0.3)
        for order in orders:
            assert (await ada.hears(OrderState.FILLED, order)).filled == order.quantity
        await ada.books_equal_the_venues()

    async def test_one_that_is_silent_about_what_we_did_is_not_believed(
        self, floor: Floor, ada: Customer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(account_stream, "LAG_S", 0.3)
        floor.fault(FaultKind.STALL_SOCKETS)
        await asyncio.sleep(0.5)
        floor.mend()
        first = ada.resting()
        await ada.submit(first)  # its venue says nothing of it, so a new stream is opened
        await asyncio.sleep(1.5)
        await ada.withdraw_by_hand(first)
        await ada.hears(OrderState.CANCELLED, first, within_s=1)


class TestDatabase:
    async def test_when_the_intent_cannot_be_committed_nothing_is_sent(
        self, floor: Floor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desks, "DATABASE_PATIENCE_S", 0.5)
        gateway = await floor.start_desks()
        ada = await floor.customer()
        await ada.open(gateway)
        order = ada.order()
        async with floor.holding("account_leases", ada):
            (outcome,) = await ada.submit(order, desks=gateway)
        assert isinstance(outcome, Refused)
        assert outcome.code == "database"
        assert await ada.requests(PLACE) == []
        again = ada.order()
        (outcome,) = await ada.submit(again, desks=gateway)
        assert isinstance(outcome, Accepted)

    async def test_connections_that_break_at_any_moment_lose_and_double_nothing(
        self, floor: Floor, ada: Customer
    ) -> None:
        orders = [ada.order() for _ in range(20)]
        outcomes: list[Outcome] = []

        async def trade() -> None:
            for order in orders:
                outcomes.extend(await ada.submit(order))

        trading = asyncio.create_task(trade())
        while not trading.done():
            await floor.break_connections()
            await asyncio.sleep(0.05)
        await trading
        sent = [outcome for outcome in outcomes if not isinstance(outcome, Refused)]
        assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} <= {"database"}
        assert len(await ada.requests(PLACE)) == len(sent)
        await ada.books_equal_the_venues()

    async def test_news_that_could_not_be_committed_is_asked_for(
        self, floor: Floor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desks, "DATABASE_PATIENCE_S", 0.5)
        gateway = await floor.start_desks()
        ada = await floor.customer()
        await ada.open(gateway)
        order = ada.order()
        async with floor.holding("account_cursors", ada):
            (outcome,) = await ada.submit(order, desks=gateway)
            assert isinstance(outcome, Accepted), "the venue has it, whether or not we could write that down"
            await asyncio.sleep(1)
        await until(lambda: _settled(ada, order))
        await ada.books_equal_the_venues()

    async def test_one_account_that_is_held_up_does_not_hold_up_the_others(self, floor: Floor, ada: Customer) -> None:
        ben = await floor.customer()
        await ben.open()
        async with floor.holding("account_leases", ada):
            flood = [asyncio.create_task(ada.submit(ada.resting())) for _ in range(50)]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(2):
                (outcome,) = await ben.submit(ben.order())
            assert isinstance(outcome, Accepted)
        codes = [outcome.code for (outcome,) in await asyncio.gather(*flood) if isinstance(outcome, Refused)]
        assert codes.count("busy") == 30


class TestTakeover:
    async def test_a_former_trader_sends_nothing(self, floor: Floor, ada: Customer) -> None:
        successor = await ada.take_over()
        (outcome,) = await ada.submit(ada.order())
        assert isinstance(outcome, Refused)
        assert outcome.code == "fenced"
        assert isinstance(await floor.desks.open(ada.assignment, ada.host), Denied)
        await successor.open()
        (outcome,) = await successor.submit(successor.order(slot="new"))
        assert isinstance(outcome, Accepted)
        assert len(await ada.requests(PLACE)) == 1

    async def test_what_the_former_trader_sent_last_is_in_the_successors_snapshot_or_news(
        self, floor: Floor, ada: Customer
    ) -> None:
        floor.fault(FaultKind.DELAY_REPLY, request=PLACE, times=1, ms=500)
        order = ada.order()
        sending = asyncio.create_task(ada.submit(order))
        await until(lambda: _intended(floor, order))
        successor = await ada.take_over()
        snapshot = await successor.open()
        assert order.client_order_id in {each.client_order_id for each in snapshot.orders}
        await sending
        last = {each.client_order_id: each for each in snapshot.orders}[order.client_order_id]
        if last.state is not OrderState.FILLED:
            await successor.hears(OrderState.FILLED, order)

    async def test_a_late_farewell_of_the_former_trader_leaves_the_successor_its_desk(
        self, floor: Floor, ada: Customer
    ) -> None:
        successor = await ada.take_over()
        await successor.open()
        await floor.desks.close(ada.assignment)
        (outcome,) = await successor.submit(successor.order())
        assert isinstance(outcome, Accepted)
        await floor.desks.close(successor.assignment)
        (outcome,) = await successor.submit(successor.order())
        assert isinstance(outcome, Refused)
        assert outcome.code == "not_open"

    async def test_what_another_gateway_recorded_is_not_kept_from_the_trader(self, floor: Floor, ada: Customer) -> None:
        """Ray can report an actor dead that still lives: for a while there are two of them."""
        floor.fault(FaultKind.STALL_SOCKETS)
        await asyncio.sleep(0.5)
        floor.mend()
        other = await floor.start_desks()
        await ada.open(other)  # its stream hears all that the trader's gateway does not
        order = ada.order()
        (outcome,) = await ada.submit(order)
        assert isinstance(outcome, Accepted)

        async def lost() -> bool:
            await ada.listen()
            return any(isinstance(event, NewsLost) for event in ada.heard)

        await until(lost)
        snapshot = await ada.open()
        assert [(each.state, each.filled) for each in snapshot.orders] == [(OrderState.FILLED, order.quantity)]
        await ada.books_equal_the_venues()

    async def test_two_gateways_send_one_order_of_a_name(self, floor: Floor, ada: Customer) -> None:
        other = await floor.start_desks()
        await ada.open(other)
        orders = [ada.resting() for _ in range(10)]
        await asyncio.gather(*(ada.submit(order, desks=each) for order in orders for each in (floor.desks, other)))
        names = [order["clientOrderId"] for order in await ada.venue_orders()]
        assert sorted(names) == sorted(order.client_order_id for order in orders)


class TestFreezing:
    async def test_a_market_whose_answers_cannot_be_read_is_frozen_and_thaws(self, floor: Floor, ada: Customer) -> None:
        floor.fault(FaultKind.STALL_SOCKETS)
        floor.fault(FaultKind.LOSE_REPLY, request=PLACE, times=1)
        floor.fault(FaultKind.TRUNCATE, request=FIND, symbol="BTCUSDT")
        await asyncio.sleep(0.5)
        order = ada.order()
        (outcome,) = await ada.submit(order)
        assert isinstance(outcome, Unknown)

        async def frozen() -> bool:
            (outcome,) = await ada.submit(ada.resting())
            return isinstance(outcome, Refused) and outcome.code == "frozen"

        await until(frozen)
        (elsewhere,) = await ada.submit(ada.order(symbol=ETH, quantity="0.1"))
        assert isinstance(elsewhere, Accepted), "other markets go on"
        floor.mend()
        await ada.hears(OrderState.FILLED, order)

        async def thawed() -> bool:
            return not await frozen()

        await until(thawed)


class TestControls:
    async def test_what_is_forbidden_does_not_keep_the_rest(self, floor: Floor, ada: Customer) -> None:
        await floor.turn(ada.tenant.account, "reduce_only")
        entry, leave = ada.resting(), ada.order(side=Side.SELL)
        refused, accepted = await ada.submit(entry, leave)
        assert isinstance(refused, Refused)
        assert (refused.client_order_id, refused.code) == (entry.client_order_id, "control")
        assert isinstance(accepted, Accepted)

    async def test_a_halted_market_does_not_halt_the_others(self, floor: Floor, ada: Customer) -> None:
        await floor.turn(f"{ada.tenant.account}/{BTC}", "halted")
        here, there = await ada.submit(ada.order(side=Side.SELL), ada.order(symbol=ETH, quantity="0.1"))
        assert isinstance(here, Refused)
        assert isinstance(there, Accepted)


class TestKeys:
    async def test_a_refused_key_is_said_to_be_refused(self, floor: Floor) -> None:
        ada = await floor.customer()
        await floor.revoke_key(ada)
        denied = await floor.desks.open(ada.assignment, ada.host)
        assert isinstance(denied, Denied)
        assert denied.code == "credentials"

    async def test_a_replaced_key_is_used_from_the_next_opening_on(self, floor: Floor, ada: Customer) -> None:
        await floor.replace_key(ada)
        await ada.open()
        (outcome,) = await ada.submit(ada.order())
        assert isinstance(outcome, Accepted)

    async def test_a_venue_that_is_away_is_said_to_be_away_and_waited_for(self, floor: Floor) -> None:
        ada = await floor.customer()
        floor.fault(FaultKind.MAINTENANCE)
        denied = await floor.desks.open(ada.assignment, ada.host)
        assert isinstance(denied, Denied)
        assert denied.code == "venue"
        floor.mend()
        await until(lambda: _opens(ada))


async def _settled(customer: Customer, order: object) -> bool:
    rows = await customer.floor.query("SELECT 1 FROM orders WHERE settled_at IS NULL")
    return not rows


async def _intended(floor: Floor, order: object) -> bool:
    return bool(await floor.intents())


async def _opens(customer: Customer) -> bool:
    return not isinstance(await customer.floor.desks.open(customer.assignment, customer.host), Denied)
