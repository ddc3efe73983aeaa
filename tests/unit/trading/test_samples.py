"""How much markets move, and whether together; and what risk makes of it."""

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.trading.simulated import BTC, ETH, T0, D, Trader, quote
from tests.unit.trading.strategies.storms import market
from tests.unit.trading.test_reconcile import wish
from tests.unit.trading.test_risk import missing, refusal
from trading.limits import Limits
from trading.orders import ApprovedOrder
from trading.risk import Refusal
from trading.samples import ENOUGH, KEPT, Samples, correlation, daily_volatility, sample

MINUTE = timedelta(minutes=1)


def seen(*prices: tuple[str, str], every: timedelta = MINUTE) -> Samples:
    samples = Samples()
    for number, (one, other) in enumerate(prices):
        quotes = {BTC: quote(one), ETH: quote(other, symbol=ETH)}
        samples = sample(samples, (BTC, ETH), quotes, T0 + number * every)
    return samples


SWINGS = [("100", "50") if number % 2 else ("101", "50.5") for number in range(ENOUGH + 1)]


def test_notes_one_price_a_minute_and_forgets_old_ones() -> None:
    assert len(seen(*SWINGS, every=timedelta(seconds=20)).prices[BTC]) == 7
    assert len(seen(*SWINGS * 10).prices[BTC]) == KEPT


def test_begins_anew_after_a_gap() -> None:
    assert len(seen(*SWINGS, every=timedelta(minutes=3)).prices[BTC]) == 1


def test_volatility_by_hand() -> None:
    # Every minute one per cent up or down: 1 % times the root of the minutes of a day.
    found = daily_volatility(seen(*SWINGS), BTC)
    assert found == pytest.approx(math.log(1.01) * math.sqrt(1440), rel=1e-6)
    assert daily_volatility(seen(*SWINGS[:-1]), BTC) is None


def test_correlation_by_hand() -> None:
    assert correlation(seen(*SWINGS), BTC, ETH) == pytest.approx(1)
    against = [(one, str(150 - Decimal(one))) for one, _ in SWINGS]
    found = correlation(seen(*against), BTC, ETH)
    assert found is not None
    assert found < -0.99
    assert correlation(seen(*[("100", "50")] * 30), BTC, ETH) is None


@pytest.mark.parametrize(
    ("limits", "facts", "rule"),
    [
        ({"correlation_max": D("0.8")}, {"in_step": {ETH: 0.81}}, "correlation"),
        ({"correlation_max": D("0.8")}, {"in_step": {ETH: None}}, "correlation_unknown"),
        ({"correlation_max": D("0.8")}, {"in_step": {ETH: 0.8}}, None),
        ({"correlation_max": D("0.8")}, {}, None),
        # 100 at 6 % a day are 6 of a capital of 1000: 0.6 %.
        ({"volatile_loss_max_pct": D("0.5")}, {"daily_volatility": 0.06, "capital": D(1000)}, "volatility"),
        ({"volatile_loss_max_pct": D("0.6")}, {"daily_volatility": 0.06, "capital": D(1000)}, None),
        ({"volatile_loss_max_pct": D("0.6")}, {"capital": D(1000)}, "volatility_unknown"),
    ],
)
def test_entries_are_refused_by_how_markets_move(
    limits: dict[str, Any], facts: dict[str, Any], rule: str | None
) -> None:
    answer = refusal(missing(wish()), limits=Limits(**limits), **facts)
    assert isinstance(answer, ApprovedOrder if rule is None else Refusal)
    assert rule is None or (isinstance(answer, Refusal) and answer.rule == rule)


def test_a_trader_enters_once_enough_is_known() -> None:
    params = {"mode": "time", "symbol": "BTC/USDT", "amount": "50", "interval_s": 60}
    ours = Trader(market(), "dca", params, limits={"volatile_loss_max_pct": "50"})
    for number in range(ENOUGH + 3):
        ours.see("100" if number % 2 else "100.1")
        ours.wait(60)
    assert next(line.reason for line in ours.records if line.kind == "refused").startswith("volatility_unknown")
    assert ours.venue.fills
