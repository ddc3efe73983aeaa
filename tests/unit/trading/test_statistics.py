"""Figures of a run, by hand."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.unit.trading.simulated import T0, D
from tests.unit.trading.test_positions import after, fill
from trading.statistics import curve_figures, deepest_drawdown, exposure_time, trade_figures

DAY = timedelta(days=1)


def test_trades_by_hand() -> None:
    rounds = [("100", "104"), ("100", "98"), ("100", "102"), ("100", "99")]
    position = after(*(one for buy, sell in rounds for one in (fill("buy", "1", buy), fill("sell", "1", sell))))
    figures = trade_figures([position])
    assert (figures.trades, figures.win_rate) == (4, D(50))
    assert (figures.average_win, figures.average_loss) == (D(3), D("1.5"))
    assert (figures.profit_factor, figures.expectancy) == (D(2), D("0.75"))


def test_what_nothing_is_known_of_is_none_and_not_nought() -> None:
    figures = trade_figures([])
    assert figures.trades == 0
    assert (figures.win_rate, figures.average_win, figures.profit_factor) == (None, None, None)
    only_won = trade_figures([after(fill("buy", "1", "1"), fill("sell", "1", "2"))])
    assert (only_won.win_rate, only_won.profit_factor) == (D(100), None)


def curve(*profits: int) -> list[tuple[datetime, Decimal]]:
    return [(T0 + number * DAY, D(profit)) for number, profit in enumerate(profits)]


def test_the_deepest_drawdown_and_when_it_was() -> None:
    found = deepest_drawdown(D(1000), [(at, 1000 + profit) for at, profit in curve(0, 250, 100, 200, 0, 300, 200)])
    assert found is not None
    assert (found.amount, found.per_cent) == (D(250), D(20))
    assert (found.since, found.until) == (T0 + DAY, T0 + 4 * DAY)


def test_a_curve_that_never_fell_has_no_drawdown() -> None:
    figures = curve_figures(D(1000), curve(0, 1, 2), UTC)
    assert figures.drawdown is None
    assert figures.roi_per_cent == D("0.2")


def test_a_loss_from_the_first_moment_is_a_drawdown_from_the_capital() -> None:
    figures = curve_figures(D(1000), curve(-100, -50), UTC)
    assert figures.drawdown is not None
    assert figures.drawdown.per_cent == 10


def test_few_days_say_nothing_about_their_spread() -> None:
    figures = curve_figures(D(1000), curve(10, 5, 20, 15), UTC)
    assert (figures.sharpe, figures.sortino, figures.calmar) == (None, None, None)


def test_ratios_by_hand() -> None:
    # 1000, then by turns 2 % up and 1 % down, for twelve days.
    value, profits = D(1000), []
    for day in range(12):
        value *= D("1.02") if day % 2 == 0 else D("0.99")
        profits.append((T0 + day * DAY, value - 1000))
    figures = curve_figures(D(1000), profits, UTC)
    mean, spread = 0.005, math.sqrt(12 * 0.015**2 / 11)
    assert figures.sharpe == pytest.approx(mean / spread * math.sqrt(365))
    assert figures.sortino == pytest.approx(mean / math.sqrt(0.01**2 / 2) * math.sqrt(365))
    assert figures.calmar == pytest.approx(mean * 365 / 0.01)


def test_only_the_last_value_of_a_day_counts_and_a_day_without_one_changed_nothing() -> None:
    noon = [(T0 + number * DAY, D(0)) for number in range(11)]
    busy = [(at + timedelta(minutes=minute), D(minute * 50)) for at, _ in noon for minute in (0, 1)]
    quiet = [busy[1], (T0 + 10 * DAY, D(50))]
    assert curve_figures(D(1000), busy, UTC).sharpe == curve_figures(D(1000), quiet, UTC).sharpe


def test_the_time_during_which_anything_was_held() -> None:
    fills = [
        fill("buy", "1", "1", number=10),
        fill("sell", "0.5", "1", number=20),
        fill("sell", "0.5", "1", number=30),
        fill("buy", "1", "1", number=90),
    ]
    assert exposure_time(fills, T0, T0 + timedelta(seconds=100)) == 30
    assert exposure_time([], T0, T0 + timedelta(seconds=100)) == 0
