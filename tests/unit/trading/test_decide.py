"""A trader's conduct: what it does with what it hears, and what it never does."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.unit.trading.simulated import BTC, T0, D, Fate, Trader, Venue, quote
from tests.unit.trading.test_convergence import PUPPET, World
from tests.unit.trading.test_positions import fill
from tests.unit.trading.test_reconcile import wish
from trading.decide import begin, decide
from trading.events import (
    Answer,
    Answered,
    Ask,
    Assignment,
    CancelOrders,
    CloseMode,
    CloseRequested,
    Control,
    ControlChanged,
    OrderChanged,
    OutcomesArrived,
    Quarantine,
    Question,
    QuoteChanged,
    ReadingChanged,
    Record,
    RequestResync,
    Resynced,
    RunClosed,
    SaveCheckpoint,
    SubmitOrders,
    TimePassed,
)
from trading.ids import AccountId, Epoch, RunId, Slot, UserId, VenueName
from trading.market import Reading
from trading.orders import OrderState, Purpose, Refused, Side
from trading.params import ParamsRefused
from trading.strategies.contract import Note, Strategy, UnknownStrategy, View, Wish


def sorts(decisions: tuple[object, ...]) -> list[type]:
    return [type(decision) for decision in decisions]


def assignment(**changes: Any) -> Assignment:
    fields: dict[str, Any] = {
        "account": AccountId("a"),
        "user": UserId("u"),
        "venue": VenueName("paper"),
        "run": RunId("r"),
        "strategy": "puppet",
        "params": {},
        "epoch": Epoch(1),
    }
    return Assignment(**(fields | changes))


def with_strategy(decide_with: Any, **changes: Any) -> Trader:
    strategy = msgspec.structs.replace(PUPPET, name="odd", decide=decide_with)
    venue = Venue({"USDT": "1000", "BTC": "1"})
    return Trader(venue, "odd", {}, strategies={"odd": strategy}, **changes)


# Beginning


def test_begins_by_asking_for_the_whole_truth_and_sends_nothing_before_it_came() -> None:
    state = begin(assignment(), {"puppet": PUPPET})
    state, decisions = decide(state, QuoteChanged(quote("100")), T0)
    assert decisions == (RequestResync("begins"),)
    state, decisions = decide(state, TimePassed(), T0 + timedelta(seconds=9))
    assert decisions == ()
    state, decisions = decide(state, TimePassed(), T0 + timedelta(seconds=10))
    assert sorts(decisions) == [RequestResync]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"strategy": "magic"}, UnknownStrategy, "no strategy is called 'magic'; there are puppet"),
        ({"params": {"a": 1}}, ParamsRefused, "a is 1"),
        ({"time_zone": "Mars/Base"}, ParamsRefused, "time_zone is 'Mars/Base'; allowed is a name of the IANA"),
        (
            {"limits": {"daily_loss_max_pct": "0"}},
            ParamsRefused,
            "daily_loss_max_pct is '0'; allowed is number above 0",
        ),
        ({"limits": {"hope": "1"}}, ParamsRefused, "hope is '1'; allowed is one of capital, exposure_max"),
    ],
)
def test_a_wrong_assignment_makes_no_trader(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        begin(assignment(**changes), {"puppet": PUPPET})


def test_a_checkpoint_that_it_cannot_read_quarantines_the_account() -> None:
    world = World()
    world.wish(wish())
    checkpoint = world.venue.checkpoint
    assert checkpoint is not None
    world.venue.checkpoint = msgspec.structs.replace(checkpoint, books={"watch": {"peak": "much"}})
    world.trader.state = begin(world.trader.assignment, world.trader.strategies)
    decisions = world.trader.hear(Resynced(world.venue.snapshot()))
    assert sorts(decisions) == [Record, Quarantine]
    assert world.trader.hear(TimePassed()) == ()


# Hearing


def test_a_gap_in_the_news_asks_for_a_resync_and_sends_nothing_until_it_came() -> None:
    world = World()
    world.wish(wish())
    news = [event for event in world.venue.post if isinstance(event, OrderChanged)]
    world.venue.post.clear()
    ahead = msgspec.structs.replace(news[0], seq=news[0].seq + 5)
    assert sorts(world.trader.hear(ahead)) == [RequestResync]
    world.trader.venue.post.clear()
    world.wish(wish(), wish(slot=Slot("B:2")))
    assert len(world.venue.orders) == 1
    world.venue.seq += 5
    assert SubmitOrders in sorts(world.trader.hear(Resynced(world.venue.snapshot())))


def test_news_that_came_while_a_snapshot_was_awaited_follows_it() -> None:
    world = World()
    world.wish(wish())
    snapshot = world.venue.snapshot()
    world.venue.cancel(next(iter(world.venue.orders)))
    later = [event for event in world.venue.post if isinstance(event, OrderChanged) and event.seq > snapshot.seq]
    world.trader.state = begin(world.trader.assignment, world.trader.strategies)
    for change in later:
        world.trader.hear(change)
    world.venue.post.clear()
    world.trader.hear(Resynced(snapshot))
    assert world.trader.state.seq == later[-1].seq
    first = next(order for order in world.trader.state.orders.values() if order.attempt == 1)
    assert first.state is OrderState.CANCELLED


def test_news_heard_before_is_not_heard_again() -> None:
    world = World()
    world.wish(wish(price=D(95)))
    change = next(event for event in world.venue.post if isinstance(event, OrderChanged))
    world.trader.deliver()
    world.venue.cancel(change.order.client_order_id)
    world.trader.deliver()
    before = world.trader.state
    world.trader.hear(change)
    assert world.trader.state == before


def test_a_snapshot_overtaken_on_its_way_is_put_aside() -> None:
    world = World()
    old = world.venue.snapshot()
    world.wish(wish())
    world.trader.deliver()
    before = world.trader.state
    world.trader.hear(Resynced(old))
    assert world.trader.state == before


def test_an_order_younger_than_the_snapshot_is_not_forgotten() -> None:
    world = World()
    old = world.venue.snapshot()
    world.wish(wish())
    world.venue.post.clear()
    world.trader.hear(Resynced(old))
    assert len(world.venue.orders) == 1


def test_an_order_that_stays_unknown_makes_it_ask_whether_the_gateway_knows_it() -> None:
    world = World()
    world.venue.fates.append(Fate.NEVER_ARRIVED)
    world.wish(wish())
    world.trader.deliver()
    world.trader.wait(29)
    asked = world.trader.state.resync_asked_at
    world.venue.now += timedelta(seconds=1)
    assert asked is None
    assert sorts(world.trader.hear(TimePassed()))[-1] is RequestResync


def test_an_unknown_order_that_the_gateway_never_had_frees_its_name() -> None:
    world = World()
    world.venue.fates.append(Fate.NEVER_ARRIVED)
    world.wish(wish())
    world.trader.deliver()
    world.venue.orders.clear()
    world.trader.hear(Resynced(world.venue.snapshot()))
    assert not world.venue.orders  # nobody asked: this may be older than the order
    world.trader.wait(30)
    assert [order.attempt for order in world.venue.orders.values()] == [1]


def test_an_answer_that_contradicts_the_venue_makes_it_ask_for_the_truth() -> None:
    world = World()
    world.wish(wish(price=D(95)))
    world.trader.deliver()
    coid = next(iter(world.venue.orders))
    decisions = world.trader.hear(OutcomesArrived((Refused(client_order_id=coid, code="", reason="no"),)))
    assert decisions == (RequestResync("an order that is open cannot become rejected"),)


def test_a_fill_of_an_order_that_was_refused_is_counted_and_told() -> None:
    world = World()
    world.venue.fates.append(Fate.REFUSED)
    world.wish(wish(price=D(95)))
    world.trader.deliver()
    refused = next(iter(world.trader.state.orders.values()))
    filled = msgspec.structs.replace(refused, state=OrderState.FILLED, filled=D(1), quote_filled=D(95))
    change = OrderChanged(seq=world.venue.seq + 1, order=filled, fill=fill("buy", "1", "95"))
    decisions = world.trader.hear(change)
    assert [line.kind for line in decisions if isinstance(line, Record)] == ["contradiction"]
    assert world.trader.state.memory.books.position(BTC).quantity == 1


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-1", "0"])
def test_prices_that_are_none_never_reach_the_strategy(bad: str) -> None:
    seen: list[View] = []

    def looking(view: View, state: object, _params: object) -> Wish:
        seen.append(view)
        return Wish((), state)

    ours = with_strategy(looking)
    crossed = quote("101", "100")
    for wrong in (quote(bad, "100"), quote("100", bad), crossed):
        decisions = ours.hear(QuoteChanged(wrong))
        assert [line.kind for line in decisions if isinstance(line, Record)] == ["bad_quote"]
    reading = Reading(symbol=BTC, timeframe="1m", candles=(), values={"rsi:14": (50.0, float("nan"))})
    ours.hear(ReadingChanged(reading))
    assert seen == []
    assert not ours.state.readings


# Deciding


def test_what_is_sent_counts_as_intended_from_that_moment() -> None:
    world = World()
    decisions = world.trader.hear(TimePassed())
    world.venue.fates.append(Fate.ANSWER_LOST)
    world.wish(wish())
    assert decisions == ()
    assert [order.state for order in world.trader.state.orders.values()] == [OrderState.INTENDED]
    assert world.trader.state.promised == {next(iter(world.trader.state.orders)): ("USDT", D(100))}
    world.trader.hear(world.venue.post.popleft())
    assert [order.state for order in world.trader.state.orders.values()] == [OrderState.UNKNOWN]


def test_orders_carry_the_memory_that_belongs_to_them() -> None:
    world = World()
    world.wish(wish())
    checkpoint = world.venue.checkpoint
    assert checkpoint is not None
    assert checkpoint.version == world.trader.state.version
    assert "wish" in str(checkpoint.books["commands"])


def test_memory_is_saved_now_and_then_when_nothing_is_sent() -> None:
    counted = with_strategy(lambda view, state, _params: Wish((), state))
    counted.see("100")
    saved = []
    for second in range(60):
        counted.venue.now += timedelta(seconds=1)
        counted.venue.quotes[BTC] = quote(str(100 + second), at=counted.venue.now)
        decisions = counted.hear(QuoteChanged(counted.venue.quotes[BTC]))
        saved += [second for decision in decisions if isinstance(decision, SaveCheckpoint)]
    assert len(saved) <= 5


def test_two_orders_for_one_slot_are_a_fault_of_the_strategy() -> None:
    ours = with_strategy(lambda _view, state, _params: Wish((wish(), wish()), state))
    ours.see("100")
    assert ours.records[-1].reason == "BadWish: two orders wish for the same slot"
    assert not ours.venue.orders


@pytest.mark.parametrize("changes", [{"quantity": D("NaN")}, {"quantity": D(0)}, {"price": D("-1")}, {"price": None}])
def test_an_order_that_is_none_is_a_fault_of_the_strategy(changes: dict[str, Any]) -> None:
    ours = with_strategy(lambda _view, state, _params: Wish((wish(**changes),), state))
    ours.see("100")
    assert ours.records[-1].kind == "strategy_error"


def test_a_strategy_that_raises_sends_nothing_and_after_some_times_quarantines() -> None:
    def broken(*_: object) -> Wish:
        raise ZeroDivisionError("of all things")

    ours = with_strategy(broken, limits={"errors_in_row_max": 3})
    ours.venue.move(D(100), D(100))
    told = []
    for half_second in range(7):
        ours.venue.now = T0 + timedelta(seconds=half_second / 2)
        ours.state, decisions = decide(ours.state, QuoteChanged(ours.venue.quotes[BTC]), ours.venue.now)
        told.append(len(decisions))
    assert told == [1, 0, 1, 0, 0, 0, 3]  # asked again after 1 s, then after 2
    assert sorts(decisions) == [Record, Record, Quarantine]
    assert isinstance(decisions[-1], Quarantine)
    assert "failed 3 times in a row, last with ZeroDivisionError: of all things" in decisions[-1].reason
    assert decide(ours.state, QuoteChanged(ours.venue.quotes[BTC]), ours.venue.now)[1] == ()


def test_one_success_forgives_the_errors_before_it() -> None:
    def sometimes(view: View, state: object, _params: object) -> Wish:
        if view.quotes[BTC].bid == 13:
            raise ValueError("unlucky")
        return Wish((), state)

    ours = with_strategy(sometimes, limits={"errors_in_row_max": 3})
    for second, bid in enumerate((13, 12, 13, 12, 13)):
        ours.state, _ = decide(ours.state, QuoteChanged(quote(str(bid))), T0 + timedelta(seconds=second))
    assert ours.state.errors_in_row == 1
    assert not ours.state.halted_by


def test_a_question_is_asked_once_and_its_answer_seen_as_long_as_it_is_listed() -> None:
    question = Question(id="q1", kind="confirm", symbol=BTC)

    def asking(view: View, state: object, _params: object) -> Wish:
        answer = view.answers.get("q1")
        notes = () if answer is None else (Note(kind="heard", reason=str(answer.body)),)
        return Wish((), state, notes, (question,) if view.quotes[BTC].bid < 200 else ())

    ours = with_strategy(asking)
    ours.state, first = decide(ours.state, QuoteChanged(quote("100")), T0)
    ours.state, second = decide(ours.state, QuoteChanged(quote("101")), T0)
    assert (Ask((question,)) in first, Ask in sorts(second)) == (True, False)
    ours.state, third = decide(ours.state, Answered(Answer(question="q1", body={"ok": True})), T0)
    assert [line.reason for line in third if isinstance(line, Record)] == ["{'ok': True}"]
    ours.state, _ = decide(ours.state, QuoteChanged(quote("200")), T0)
    assert ours.state.answers == {}
    ours.state, _ = decide(ours.state, Answered(Answer(question="q1", error="late")), T0)
    assert ours.state.answers == {}


# Controls


def test_reduce_only_withdraws_entries_and_keeps_exits() -> None:
    world = World()
    entry, way_out = wish(price=D(95)), wish(slot=Slot("S:1"), side=Side.SELL, price=D(110), purpose=Purpose.EXIT)
    world.wish(entry, way_out)
    world.trader.deliver()
    assert len(world.trader.open_orders()) == 2
    world.trader.hear(ControlChanged(control=Control.REDUCE_ONLY))
    world.trader.deliver()
    assert [slot for slot, _, _ in world.trader.open_orders()] == ["S:1"]
    assert world.trader.records[-1].reason == "control: reduce_only against active"


def test_a_halt_withdraws_everything_and_its_end_brings_it_back() -> None:
    world = World()
    world.wish(wish(price=D(95)), wish(slot=Slot("S:1"), side=Side.SELL, price=D(110), purpose=Purpose.EXIT))
    world.trader.deliver()
    world.trader.hear(ControlChanged(control=Control.ACTIVE, symbols={BTC: Control.HALTED}))
    world.trader.deliver()
    assert world.trader.open_orders() == []
    world.trader.hear(ControlChanged(control=Control.ACTIVE))
    world.trader.deliver()
    assert len(world.trader.open_orders()) == 2


# Closing


def holding() -> World:
    world = World()
    world.wish(wish(quantity=D(2), price=D("100.5")), wish(slot=Slot("B:2"), price=D(90)))
    world.trader.deliver()
    assert world.trader.state.memory.books.position(BTC).quantity == D("1.998")
    return world


@pytest.mark.parametrize(("mode", "left"), [(CloseMode.CANCEL, "1.998"), (CloseMode.MARKET, "0.000")])
def test_closing_withdraws_first_and_then_sells_what_the_run_holds(mode: CloseMode, left: str) -> None:
    world = holding()
    world.trader.hear(CloseRequested(mode=mode, reason="enough"))
    world.trader.deliver()
    assert world.trader.open_orders() == []
    assert world.trader.state.memory.books.position(BTC).quantity == D(left)
    assert RunClosed("enough") in world.trader.others
    assert world.trader.hear(QuoteChanged(quote("50"))) == ()


def test_closing_at_a_limit_follows_the_ask_and_can_be_hardened_but_not_softened() -> None:
    world = holding()
    world.trader.hear(CloseRequested(mode=CloseMode.LIMIT, reason="enough"))
    world.trader.deliver()
    assert world.trader.open_orders() == [("close:BTC/USDT", "1.998", "100.50")]
    world.trader.see("99.8", "100.4")  # 0.1 % lower: stays
    assert world.trader.open_orders() == [("close:BTC/USDT", "1.998", "100.50")]
    world.trader.see("97", "98")
    assert world.trader.open_orders() == [("close:BTC/USDT", "1.998", "98.00")]
    world.trader.hear(CloseRequested(mode=CloseMode.CANCEL, reason="no, keep it"))
    assert world.trader.state.memory.closing is CloseMode.LIMIT
    world.trader.hear(CloseRequested(mode=CloseMode.MARKET, reason="now"))
    world.trader.deliver()
    assert world.trader.state.memory.books.position(BTC).quantity == 0
    assert RunClosed("now") in world.trader.others


def test_closing_goes_on_after_a_crash() -> None:
    world = holding()
    world.trader.hear(CloseRequested(mode=CloseMode.LIMIT, reason="enough"))
    world.trader.crash()
    world.trader.deliver()
    world.trader.see("101")
    assert RunClosed("enough") in world.trader.others


def test_quarantine_withdraws_what_would_take_on_exposure() -> None:
    def broken_later(view: View, state: object, _params: object) -> Wish:
        if view.quotes[BTC].bid == 1:
            raise ValueError("no")
        way_out = wish(slot=Slot("S:1"), side=Side.SELL, price=D(110), purpose=Purpose.EXIT)
        return Wish((wish(price=D(95)), way_out), state)

    ours = with_strategy(broken_later, limits={"errors_in_row_max": 1})
    ours.see("100")
    assert len(ours.open_orders()) == 2
    ours.state, decisions = decide(ours.state, QuoteChanged(quote("1")), T0)
    assert sorts(decisions) == [Record, Record, CancelOrders, Quarantine]
    cancelled = next(decision for decision in decisions if isinstance(decision, CancelOrders))
    entries = [coid for coid, order in ours.venue.orders.items() if order.purpose is Purpose.ENTRY]
    assert [coid for _, coid in cancelled.orders] == entries


def test_a_strategy_of_others_is_found_by_its_name_but_takes_no_name_of_ours() -> None:
    from trading.strategies import BUILT_IN, register  # noqa: PLC0415

    other: Strategy = msgspec.structs.replace(PUPPET, name="naive")
    found = register([PUPPET, other])
    assert found["puppet"] is PUPPET
    assert found["naive"] is BUILT_IN["naive"]
