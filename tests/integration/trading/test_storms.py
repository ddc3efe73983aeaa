"""Every strategy trades on through lost answers, a stream that drops and doubles, and its own death."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.integration.trading.engine import Engine
from tests.integration.trading.gateway import Fate, Gateway
from tests.integration.trading.runs import RUNS, remember
from tests.integration.trading.test_convergence import ledger
from tests.integration.trading.trader import Trader
from trading.events import Command, CommandReceived, OutcomesArrived, Resynced
from trading.ids import Symbol
from trading.money import floor_to

pytestmark = pytest.mark.slow

STORMS_PER_RUN = 125
MARKETS = {Symbol("BTC/USDT"): Decimal(65000), Symbol("SOL/USDT"): Decimal(150)}
ANSWERS = (OutcomesArrived, Resynced)
"""What the actor gives itself, so that it is never lost."""
COMMANDS = ("close", "reanchor", "panic_sell", "mass_close", "resume", "long", "short")
LIMITS = {"daily_loss_max_pct": "100", "drawdown_max_pct": "100", "orders_per_minute_max": 6000}

some = st.integers(1, 6)
steps = st.one_of(
    st.tuples(st.just("move"), st.tuples(st.integers(-40, 30), st.sampled_from([150, 900, 200_000]))),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 700])),
    st.tuples(st.just("fate"), st.sampled_from(Fate)),
    st.tuples(st.just("command"), st.sampled_from(COMMANDS)),
    st.tuples(st.sampled_from(["look", "listen", "deliver", "settle", "ask", "crash"]), st.none()),
    st.tuples(st.sampled_from(["stream lost", "stream repeated", "stream reversed"]), some),
    st.tuples(st.sampled_from(["post lost", "post repeated", "post reversed"]), some),
)


@pytest.mark.parametrize("discount", [False, True], ids=["fees in what is traded", "fees in BNB"])
@pytest.mark.parametrize("name", RUNS)
def test_after_every_storm_the_ledger_equals_the_venue(name: str, discount: bool) -> None:
    run = RUNS[name]
    params = {**run.params, "variant": "webhook"} if run.strategy == "signal" else run.params
    balances = {**run.balances, "BNB": "0.02"} if discount else run.balances

    @settings(max_examples=STORMS_PER_RUN, deadline=None)
    @given(st.lists(steps, min_size=10, max_size=40))
    def ride(storm: list[tuple[str, Any]]) -> None:
        engine = Engine(balances, discount=discount)
        remember(engine, run, minutes=60)
        move(engine, 0, 200_000)
        trader = Trader(Gateway(engine), run.strategy, params, LIMITS)
        trader.look()
        for number, (action, with_) in enumerate(storm):
            act(trader, action, with_, number)
        calm_down(trader)
        assume(not traded_with_itself(engine))
        assert ledger(trader.state, engine) == engine.totals()
        live = {o.client_order_id: (o.price, o.remaining) for facts in trader.state.slots.values() for o in facts.live}
        assert live == engine.open_orders()
        assert [r for r in trader.gateway.refusals if "insufficient balance" not in r] == []
        assert [line for line in trader.records if line.kind == "strategy_error"] == []

    ride()


def act(trader: Trader, action: str, with_: Any, number: int) -> None:
    gateway, engine = trader.gateway, trader.gateway.engine
    match action:
        case "move":
            move(engine, *with_)
        case "wait":
            engine.wait(with_)
        case "fate":
            gateway.fates.append(with_)
        case "command":
            trader.hear(CommandReceived(command(with_, number, engine)))
        case "look":
            trader.look()
        case "settle":
            trader.settle()
        case "listen":
            gateway.listen()
        case "deliver":
            trader.deliver()
        case "ask":
            gateway.ask()
        case "crash":
            trader.crash()
        case _:
            whose, _, mishap = action.partition(" ")
            mangle(engine.stream if whose == "stream" else gateway.post, mishap, with_)


def mangle(letters: list[Any], mishap: str, length: int) -> None:
    """Do this to the oldest that were not heard yet."""
    first = letters[:length]
    match mishap:
        case "lost":
            letters[:length] = [letter for letter in first if isinstance(letter, ANSWERS)]
        case "repeated":
            letters += [letter for letter in first if not isinstance(letter, ANSWERS)]
        case "reversed":
            letters[:length] = first[::-1]


def move(engine: Engine, per_mille: int, dollars: int) -> None:
    """All markets together, so far from where they began; so much rests at the best prices."""
    for symbol, start in MARKETS.items():
        rules = engine.instruments[symbol]
        bid = floor_to(start * (1000 + per_mille) / 1000, rules.price_tick)
        engine.move(symbol, bid, bid + rules.price_tick, floor_to(dollars / bid, rules.lot_step))


def command(name: str, number: int, engine: Engine) -> Command:
    return Command(
        id=str(number),
        name=name,
        detail={"deal": 1},
        at=engine.now,
        expires_at=engine.now + timedelta(minutes=1),
    )


def traded_with_itself(engine: Engine) -> bool:
    """Both sides of a trade were ours. Binance prevents that by default; the paper exchange does not."""
    numbers = [(fill.symbol, fill.trade_id) for fill in engine.fills()]
    return len(set(numbers)) < len(numbers)


def calm_down(trader: Trader) -> None:
    """From here on everything works, the venue is asked, and long enough passes."""
    trader.gateway.fates.clear()
    for _ in range(3):
        trader.gateway.ask()
        trader.resync()
        trader.settle()
        trader.gateway.engine.wait(60)
        trader.look()
