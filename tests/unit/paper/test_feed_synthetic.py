"""A made-up market: the same for the same seed, alive at any speed, and after a pause as if there were none."""

import statistics
from collections.abc import Sequence
from itertools import pairwise

import pytest

from paper.candles import MINUTE
from paper.feed import Tick
from paper.feed_synthetic import SyntheticFeed
from paper.markets import DEFAULT_MARKETS
from tests.unit.paper.street import MarketDay


def feed(seed: int = 7, speed: float = 30) -> SyntheticFeed:
    return SyntheticFeed(DEFAULT_MARKETS, seed=seed, steps_per_s=5, speed=speed)


def prices(known: SyntheticFeed, symbol: str, steps: int) -> list[float]:
    ticks = [known.step(number)[symbol] for number in range(1, steps + 1)]
    return [(tick.bid + tick.ask) / 2 for tick in ticks]


def test_the_same_seed_gives_the_same_steps_and_another_gives_others() -> None:
    first, again, other = feed(), feed(), feed(8)
    for number in range(1, 200):
        steps = [known.step(number) for known in (first, again, other)]
        assert steps[0] == steps[1]
        assert steps[0] != steps[2]


def test_it_goes_on_from_its_memory_as_if_never_interrupted() -> None:
    whole, resumed = feed(), feed()
    memory: tuple[float, ...] = ()
    for number in range(1, 101):
        whole.step(number)
        if number == 60:
            memory = whole.memory()
    resumed.resume(100, memory=memory, remembered_at=60)
    assert whole.step(101) == resumed.step(101)


def test_prices_are_on_the_tick_and_never_crossed() -> None:
    known = feed()
    markets = {market.symbol: market for market in DEFAULT_MARKETS}
    for number in range(1, 200):
        for symbol, tick in known.step(number).items():
            market = markets[symbol]
            assert 0 < tick.bid < tick.ask
            assert tick.bid % market.price_tick == tick.ask % market.price_tick == 0
            assert all(printed.quantity % market.lot_step == 0 for printed in tick.prints)


@pytest.mark.slow
def test_a_buyer_of_small_dips_trades_every_minute_at_the_usual_speed() -> None:
    known = feed()
    path = prices(known, "BTCUSDT", 5 * 60 * 20)
    rounds, entry, reference = 0, None, path[0]
    for step, price in enumerate(path):
        if entry is None:
            if step % 25 == 0:
                reference = price
            if price <= reference * 0.999:
                entry = price
        elif price >= entry * 1.001 or price <= entry * 0.997:
            entry, rounds = None, rounds + 1
    assert rounds >= 20


@pytest.mark.slow
def test_assets_move_together_and_faster_when_told_to() -> None:
    def moves(path: Sequence[float]) -> list[float]:
        return [after / before - 1 for before, after in zip(path[::20], path[20::20], strict=False)]

    known = feed()
    ticks: list[dict[str, Tick]] = [dict(known.step(number)) for number in range(1, 6000)]
    btc, eth = ([tick[symbol].bid for tick in ticks] for symbol in ("BTCUSDT", "ETHUSDT"))
    assert statistics.correlation(moves(btc), moves(eth)) > 0.2
    slow, fast = (statistics.stdev(moves(prices(feed(speed=speed), "BTCUSDT", 3000))) for speed in (3, 300))
    assert fast > 3 * slow


def test_its_history_ends_where_it_begins() -> None:
    until = 1_700_000_000_000
    known = feed()
    history = known.history(120, until)
    assert history == feed().history(120, until)
    for market in DEFAULT_MARKETS:
        candles = history[market.symbol]
        assert [later.opened_at - earlier.opened_at for earlier, later in pairwise(candles)] == [MINUTE] * 119
        assert candles[-1].opened_at == until // MINUTE * MINUTE - MINUTE
        assert all(candle.low <= min(candle.open, candle.close) for candle in candles)
        assert all(candle.high >= max(candle.open, candle.close) for candle in candles)
    first = known.step(1)["BTCUSDT"]
    assert history["BTCUSDT"][-1].close == pytest.approx((first.bid + first.ask) / 2, rel=0.01)


def test_the_same_seed_gives_the_same_trades_byte_for_byte() -> None:
    assert MarketDay(seed=3).live(300) == MarketDay(seed=3).live(300)
    assert MarketDay(seed=3).live(50) != MarketDay(seed=4).live(50)
