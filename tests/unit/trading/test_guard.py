"""The guard over a run's profit and loss: capital 1000, daily loss at most 10 %, drawdown at most 20 %."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.unit.trading.simulated import BTC, D, Trader, Venue
from trading.books import EMPTY, Books
from trading.events import RunClosed
from trading.guard import Breach, Watch, entries_allowed, watch
from trading.limits import Consequence, Limits
from trading.positions import Position

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(
    capital=D(1000), daily_loss_max_pct=D(10), drawdown_max_pct=D(20), losses_in_row_max=3, cool_down_s=3600
)


def look(
    *profits: int, limits: Limits = LIMITS, every: timedelta = timedelta(minutes=1), books: Books = EMPTY
) -> tuple[Watch, list[tuple[str, Decimal]]]:
    state, now = Watch(), NOON
    told: list[Breach] = []
    for profit in profits:
        state, breaches = watch(state, limits, books, D(profit), now=now, zone=BERLIN)
        told += breaches
        now += every
    return state, [(breach.rule, breach.value) for breach in told]


def test_a_loss_is_counted_from_where_the_day_began() -> None:
    state, told = look(50, -49)
    assert told == []
    assert entries_allowed(state, NOON, BERLIN)
    state, told = look(50, -50)
    assert told == [("daily_loss", D(10))]
    assert not entries_allowed(state, NOON, BERLIN)


def test_a_breach_is_told_once_however_long_it_lasts() -> None:
    _, told = look(0, -100, -99, -110, -120)
    assert told == [("daily_loss", D(10))]


def test_entries_return_with_the_owners_next_day() -> None:
    state, _ = look(0, -100)
    late_evening = datetime(2026, 3, 1, 22, 59, tzinfo=UTC)
    assert not entries_allowed(state, late_evening, BERLIN)
    assert entries_allowed(state, late_evening + timedelta(minutes=1), BERLIN)  # midnight in Berlin
    assert not entries_allowed(state, late_evening + timedelta(minutes=1), ZoneInfo("UTC"))


def test_a_new_day_begins_at_nothing_lost() -> None:
    _, told = look(0, -90, -150, -180, every=timedelta(days=1))
    assert told == []


def test_drawdown_is_counted_from_the_peak_and_told_again_only_after_a_new_one() -> None:
    tame = Limits(capital=D(1000), daily_loss_max_pct=D(100), drawdown_max_pct=D(20))
    # 1000 + 250 at the peak: 250 below it are 20 %.
    _, told = look(250, 1, limits=tame)
    assert told == []
    _, told = look(250, 0, -50, 249, 0, limits=tame)
    assert told == [("drawdown", D(20))]
    _, told = look(250, 0, 300, 40, limits=tame)
    assert [rule for rule, _ in told] == ["drawdown", "drawdown"]


def test_losses_in_a_row_start_one_cool_down_each() -> None:
    def lost(times: int) -> Books:
        return Books(positions={BTC: Position(losses=times, losses_in_row=times)})

    state, told = look(0, 0, books=lost(2))
    assert told == []
    state, told = look(0, 0, 0, books=lost(3))
    assert told == [("losses_in_row", D(3))]
    assert not entries_allowed(state, NOON + timedelta(seconds=3599), BERLIN)
    assert entries_allowed(state, NOON + timedelta(seconds=3600), BERLIN)
    _, again = watch(state, LIMITS, lost(4), D(0), now=NOON + timedelta(hours=2), zone=BERLIN)
    assert [breach.rule for breach in again] == ["losses_in_row"]


# And what the trader makes of it

NAIVE = {
    "symbol": "BTC/USDT",
    "dip_pct": "1",
    "target_pct": "50",
    "stop_pct": "90",
    "budget_per_round": "900",
    "budget": "900",
}


def losing(**limits: object) -> Trader:
    """Bought 9.09 at 99; every 11 that the price falls is 10 % of the 1000 it began with."""
    ours = Trader(Venue({"USDT": "1000"}), "naive", NAIVE, limits=limits)
    ours.see("100")
    ours.see("99")
    return ours


def kinds(ours: Trader) -> list[str]:
    return [line.kind for line in ours.records]


def test_capital_is_what_the_account_was_worth_when_the_run_first_saw_prices() -> None:
    assert losing().state.memory.watch.capital == 1000


def test_a_daily_loss_makes_the_trader_reduce_only_and_says_so() -> None:
    ours = losing()
    ours.see("87")
    assert "breach" in kinds(ours)
    assert ours.records[-1].reason == "daily_loss: 10.99 against 10, so reduce_only"
    assert ours.open_orders() == [("S:1", "9.0818", "148.50")]


def test_a_drawdown_can_flatten() -> None:
    ours = losing(drawdown_max_pct="20", daily_loss_max_pct="100")
    ours.see("77")
    assert ours.open_orders() == []
    assert ours.state.memory.books.position(BTC).quantity < D("0.00001")
    assert any(isinstance(other, RunClosed) for other in ours.others)


@pytest.mark.parametrize("then", [Consequence.QUARANTINE])
def test_a_drawdown_can_quarantine(then: Consequence) -> None:
    ours = losing(drawdown_max_pct="20", drawdown_then=then, daily_loss_max_pct="100")
    ours.see("77")
    assert ours.state.halted_by.startswith("drawdown: 20.")
    assert ours.hear(ours.venue.post.popleft()) == () if ours.venue.post else True


def test_deposits_are_no_profit_and_withdrawals_no_loss() -> None:
    ours = losing()
    before = ours.state.memory.watch
    ours.venue.free["USDT"] += 5000  # type: ignore[index]
    ours.see("99")
    ours.venue.free["USDT"] -= 5050  # type: ignore[index]
    ours.see("99")
    assert ours.state.memory.watch == before
