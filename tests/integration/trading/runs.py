"""Every strategy, in every mode, trading on the paper exchange's own synthetic market. A seed says all of it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from paper.feed_synthetic import SyntheticFeed
from paper.markets import DEFAULT_MARKETS
from tests.integration.trading.engine import Engine
from tests.integration.trading.gateway import Gateway
from tests.integration.trading.trader import Trader

HISTORY_MINUTES = 600


class Run(msgspec.Struct, frozen=True, kw_only=True):
    strategy: str
    params: Mapping[str, Any]
    seed: int
    hours: float = 6
    step_s: float = 20
    markets: tuple[str, ...] = ("BTCUSDT",)
    balances: Mapping[str, str] = MappingProxyType({"USDT": "10000"})
    discount: bool = False
    """Whether fees are paid in BNB; then there must be some."""


BTC = {"symbol": "BTC/USDT"}
RUNS: Mapping[str, Run] = {
    "naive": Run(
        strategy="naive",
        params=BTC
        | {
            "dip_pct": "0.5",
            "target_pct": "0.7",
            "stop_pct": "2.5",
            "rounds": 3,
            "rebuy_pct": "0.5",
            "budget_per_round": "1000",
            "budget": "3000",
        },
        seed=4,
    ),
    "grid-basket": Run(
        strategy="grid",
        params=BTC
        | {
            "mode": "basket",
            "size": "500",
            "levels": 6,
            "step_pct": "0.35",
            "tp1_pct": "0.5",
            "tp2_pct": "0.8",
            "trail_pct": "0.4",
            "trail_start_pct": "0.9",
            "reanchor_pct": "0.5",
            "reanchor": "auto",
        },
        seed=4,
    ),
    "grid-range": Run(
        strategy="grid",
        params=BTC | {"mode": "range", "lower": "63700", "upper": "65700", "lines": 11, "quote_per_line": "500"},
        seed=4,
    ),
    "dca-time": Run(
        strategy="dca",
        params=BTC | {"mode": "time", "amount": "100", "interval_s": 1200, "only_below": "65200"},
        seed=4,
    ),
    "dca-price": Run(
        strategy="dca",
        params=BTC
        | {
            "mode": "price",
            "base_order": "400",
            "safety_order": "400",
            "safety_orders": 6,
            "safety_orders_open": 3,
            "step_pct": "0.3",
            "step_scale": "1.1",
            "volume_scale": "1.2",
            "take_profit": [{"above_pct": "0.5", "share_pct": "100"}],
            "cool_down_s": 300,
        },
        seed=4,
    ),
    "rebalance": Run(
        strategy="rebalance",
        params={
            "quote": "USDT",
            "targets": {"BTC": "40", "SOL": "30"},
            "order_size_pct": "0.3",
            "order_step_pct": "0.05",
            "min_delta_quote": "16",
            "interval_s": 60,
        },
        seed=4,
        balances={"USDT": "3000", "BTC": "0.06", "SOL": "20"},
        markets=("BTCUSDT", "SOLUSDT"),
    ),
    "deals": Run(
        strategy="deals",
        params=BTC
        | {"deal_quota": "500", "profit_markup": "0.3", "deal_count": 5, "order_life_time": 900, "spacing_pct": "0.4"},
        seed=4,
    ),
    "signal": Run(
        strategy="signal",
        params={
            "symbols": ["BTC/USDT"],
            "variant": "mean_reversion",
            "timeframe": "1m",
            "risk_pct": "1",
            "stop_atr": "4",
            "take_profit_r": "1.5",
            "position_max_pct": "50",
            "adx_trend": 30,
            "oversold": 35,
        },
        seed=4,
    ),
}


def remember(engine: Engine, run: Run, minutes: int = HISTORY_MINUTES) -> None:
    """Give its markets a past, where there may be a strategy that looks at it."""
    if run.strategy == "signal":
        engine.remember(_feed(run).history(minutes, engine.now_ms))


def trade(
    run: Run, watch: Callable[[Trader], None] = lambda _trader: None, gateway: Callable[[Engine], Gateway] = Gateway
) -> Trader:
    """Let it trade from the first step to the last; `watch` is called after each."""
    engine = Engine(run.balances, discount=run.discount)
    feed = _feed(run)
    remember(engine, run)
    trader: Trader | None = None
    for step in range(1, round(run.hours * 3600 / run.step_s) + 1):
        engine.wait(run.step_s)
        for name, tick in feed.step(step).items():
            engine.follow(engine.names[name], tick)
        if trader is None:
            trader = Trader(gateway(engine), run.strategy, run.params)
        trader.look()
        watch(trader)
    assert trader is not None
    return trader


def _feed(run: Run) -> SyntheticFeed:
    markets = [market for market in DEFAULT_MARKETS if market.symbol in run.markets]
    return SyntheticFeed(markets, seed=run.seed, steps_per_s=1, speed=run.step_s)
