"""A market made up from a seed: trends and ranges, clustered volatility, gaps, crashes, assets that move together.

Each asset has a price in dollars, made of a slow part (a common factor it shares with the others, and its own walk)
and a quick one that always reverts; a market's price is the ratio of two. Floats are fine here: nothing is owed in
them, and what leaves is rounded to the market's tick.
"""

from collections.abc import Iterable, Mapping
from math import exp, sqrt
from random import Random

import msgspec

from paper.candles import MINUTE, Candle
from paper.feed import Print, Tick
from paper.fixed import ONE, product
from paper.markets import Market

_DOLLAR = "USDT"
_HOUR = 3600.0
_SIGMA = 0.65 / sqrt(365 * 24 * 3600)
"""Per square root of a second: sixty-five per cent a year."""
_QUICK_LIFE_S = 420.0
_QUICK_SIZE = 0.0016
_CALM_LIFE_S = 1.2 * _HOUR
_CALM_SIZE = 0.5
_HOME_LIFE_S = 4 * 24 * _HOUR
_REGIME_LIFE_S = 0.7 * _HOUR
_REGIME_DRIFT = 0.006 / _HOUR
_GAP_EVERY_S = 3 * _HOUR
_CRASH_EVERY_S = 40 * _HOUR
_CRASH_SIZES = (0.02, 0.06)
_RECOVERY = sum(_CRASH_SIZES) / 2 / _CRASH_EVERY_S
"""What the rest of the time makes good of the crashes, on average."""
_HISTORY_STEPS = 3
"""In a minute of history."""
_BOOK_DOLLARS = 12_000.0
_PRINT_DOLLARS = 900.0


class _Asset(msgspec.Struct):
    beta: float
    """How much of the common move it takes part in."""
    home: float
    """The price in dollars that it drifts around, over weeks."""
    slow: float = 0.0
    quick: float = 0.0

    @property
    def price(self) -> float:
        return self.home * exp(self.slow + self.quick)


class SyntheticFeed:
    """Deterministic: the same seed, markets, rate and speed give the same steps for ever, whenever they are taken."""

    def __init__(self, markets: Iterable[Market], *, seed: int, steps_per_s: float, speed: float) -> None:
        self._markets = tuple(markets)
        self._seed = seed
        self._dt = speed / steps_per_s
        self._steps_per_s = steps_per_s
        self._assets: dict[str, _Asset] = {}
        self._heat = 0.0
        """The logarithm of how much wilder than usual it is just now."""
        self._drift = 0.0
        self._panic = 0.0
        """What is left to fall of a crash."""
        for market in sorted(self._markets, key=lambda market: market.quote != _DOLLAR):
            quote = self._assets.setdefault(market.quote, _Asset(beta=0.0, home=1.0))
            beta = 0.8 + 0.25 * len(self._assets) % 1.0
            self._assets.setdefault(market.base, _Asset(beta=beta, home=market.start_price / ONE * quote.home))

    def step(self, number: int) -> Mapping[str, Tick]:
        random = Random((self._seed << 40) | number)  # noqa: S311 (repeatable is the point)
        self._move(random)
        return {market.symbol: self._tick(market, random) for market in self._markets}

    def memory(self) -> tuple[float, ...]:
        assets = [part for asset in self._assets.values() for part in (asset.slow, asset.quick)]
        return (self._heat, self._drift, self._panic, *assets)

    def resume(self, step: int, *, memory: tuple[float, ...], remembered_at: int) -> None:
        if memory:
            self._heat, self._drift, self._panic, *assets = memory
            for asset, slow, quick in zip(self._assets.values(), assets[::2], assets[1::2], strict=True):
                asset.slow, asset.quick = slow, quick
        for number in range(remembered_at + 1, step + 1):
            self.step(number)

    def history(self, minutes: int, until: int) -> dict[str, list[Candle]]:
        """Candles of what might have been before the first step, ending at the prices that it begins with."""
        past = SyntheticFeed(
            self._markets, seed=self._seed, steps_per_s=_HISTORY_STEPS / 60, speed=self._dt * self._steps_per_s
        )
        prices: dict[str, list[float]] = {market.symbol: [] for market in self._markets}
        random = Random(f"history of {self._seed}")  # noqa: S311 (repeatable is the point)
        for _ in range(minutes * _HISTORY_STEPS):
            past._move(random)
            for market in self._markets:
                prices[market.symbol].append(past._price(market))
        first = until // MINUTE * MINUTE - minutes * MINUTE
        return {market.symbol: self._candles(market, prices[market.symbol], first, random) for market in self._markets}

    def _candles(self, market: Market, prices: list[float], first: int, random: Random) -> list[Candle]:
        tick = market.price_tick
        scale = self._price(market) / prices[-1] * ONE / tick
        ticks = [max(1, round(price * scale)) * tick for price in prices]
        candles = []
        before = ticks[0]
        for index in range(0, len(ticks), _HISTORY_STEPS):
            seen = [before, *ticks[index : index + _HISTORY_STEPS]]
            dollars = _PRINT_DOLLARS * exp(random.gauss(4.0, 0.6))
            volume = self._lots(market, self._assets[market.base], dollars)
            candle = Candle(first + index // _HISTORY_STEPS * MINUTE, seen[0], max(seen), min(seen), seen[-1])
            candle.volume, candle.quote_volume = volume, product(candle.close, volume)
            candle.taker_volume, candle.taker_quote_volume = volume // 2, candle.quote_volume // 2
            candle.trades = random.randrange(100, 400)
            candles.append(candle)
            before = seen[-1]
        return candles

    def _move(self, random: Random) -> None:
        dt = self._dt
        gauss = random.gauss
        self._heat += -self._heat * dt / _CALM_LIFE_S + _CALM_SIZE * sqrt(2 * dt / _CALM_LIFE_S) * gauss()
        if random.random() < dt / _REGIME_LIFE_S:
            self._drift = random.choice((-1.0, -0.5, 0.0, 0.0, 0.0, 0.5, 1.0)) * _REGIME_DRIFT
        if random.random() < dt / _CRASH_EVERY_S:
            self._panic = random.uniform(*_CRASH_SIZES)
            self._heat = max(self._heat, 1.2)
        fall = min(self._panic, 0.004)
        self._panic -= fall
        wild = exp(self._heat)
        common = (self._drift + _RECOVERY) * dt + _SIGMA * wild * sqrt(dt) * gauss() - fall
        if random.random() < dt / _GAP_EVERY_S:
            common += random.choice((-1, 1)) * random.uniform(0.003, 0.012)
        quick_kick = _QUICK_SIZE * min(wild, 3.0) * sqrt(2 * dt / _QUICK_LIFE_S)
        for asset in self._assets.values():
            if asset.beta:
                own = 0.5 * _SIGMA * wild * sqrt(dt) * gauss()
                asset.slow += asset.beta * common + own - asset.slow * dt / _HOME_LIFE_S
                asset.quick += -asset.quick * min(1.0, dt / _QUICK_LIFE_S) + quick_kick * gauss()

    def _tick(self, market: Market, random: Random) -> Tick:
        base = self._assets[market.base]
        tick = market.price_tick
        middle = round(self._price(market) * ONE / tick)
        half = max(1, round(middle * 0.00004 * random.uniform(0.5, 1.8)))
        bid, ask = max(1, middle - half), middle + half
        prints = []
        if random.random() < 0.75:
            dollars = _PRINT_DOLLARS * exp(random.gauss(-0.5, 1.0))
            prints.append(Print(random.random() < 0.5, self._lots(market, base, dollars)))
        size = self._lots(market, base, _BOOK_DOLLARS * random.uniform(0.5, 1.5))
        return Tick(bid * tick, ask * tick, size, prints)

    def _price(self, market: Market) -> float:
        return self._assets[market.base].price / self._assets[market.quote].price

    def _lots(self, market: Market, base: _Asset, dollars: float) -> int:
        step = market.lot_step
        return max(1, round(dollars / base.price * ONE / step)) * step
