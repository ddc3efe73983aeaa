"""What deciding costs: one look at a 40-level grid, a fold of a million fills, the memory of a trader.

Prints one line of JSON. Each figure stands beside its limit, and the look beside its floor, measured in the same run:
the same work written out by hand for this one grid, with nothing in between.

    python bench/core.py [--fills 1000000]
"""

import argparse
import gc
import json
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from trading.books import EMPTY, record
from trading.decide import begin, decide
from trading.events import Assignment, Control, OutcomesArrived, QuoteChanged, Resynced, Snapshot, SubmitOrders
from trading.fills import Fill
from trading.ids import AccountId, Asset, ClientOrderId, Epoch, RunId, Symbol, TradeId, UserId, VenueName, VenueOrderId
from trading.instruments import Instrument
from trading.market import Quote
from trading.orders import Accepted, DesiredOrder, OrderKind, Purpose, Side
from trading.positions import FLAT, fold
from trading.state import TraderState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
LEVELS = 40
ZERO, INFINITE = Decimal(0), Decimal("Infinity")
BUY, LIMIT, ENTRY = Side.BUY, OrderKind.LIMIT, Purpose.ENTRY
RULES = Instrument(
    symbol=BTC,
    base=Asset("BTC"),
    quote=Asset("USDT"),
    price_tick=Decimal("0.01"),
    lot_step=Decimal("0.00001"),
    notional_min=Decimal(5),
)
LOOK_LIMIT_US, LOOK_LIMIT_RATIO = 300, 1.5
FOLD_LIMIT_S, TRADER_LIMIT_KB = 10, 300


def quote(price: Decimal, version: int) -> Quote:
    return Quote(symbol=BTC, bid=price, ask=price, last=price, at=NOW, received_at=NOW, version=version)


def grid_trader() -> TraderState:
    """A range grid of 40 cells, every one with its order open at the venue."""
    params = {
        "mode": "range",
        "symbol": BTC,
        "lower": "50000",
        "upper": "58000",
        "lines": LEVELS + 1,
        "quote_per_line": "100",
    }
    assignment = Assignment(
        account=AccountId("a"),
        user=UserId("u"),
        venue=VenueName("paper"),
        run=RunId("r"),
        strategy="grid",
        params=params,
        epoch=Epoch(1),
    )
    snapshot = Snapshot(
        seq=0,
        checkpoint=None,
        orders=(),
        fills=(),
        balances={RULES.quote: (Decimal(100_000), Decimal(0))},
        instruments={BTC: RULES},
        control=Control.ACTIVE,
    )
    state, _ = decide(begin(assignment), Resynced(snapshot), NOW)
    state, decisions = decide(state, QuoteChanged(quote(Decimal(58_000), 0)), NOW)
    orders = [order for found in decisions if isinstance(found, SubmitOrders) for order in found.orders]
    outcomes = tuple(
        Accepted(client_order_id=order.client_order_id, venue_order_id=VenueOrderId("1")) for order in orders
    )
    state, _ = decide(state, OutcomesArrived(outcomes), NOW)
    assert len(state.orders) == LEVELS
    return state


def decide_by_hand(state: TraderState, quote: Quote, now: datetime) -> tuple[TraderState, tuple[object, ...]]:
    """The floor: what `decide` does with one quote of this grid, all of it in one place and in the order that it does
    it, with no call in between. It can do nothing else; anything but a quiet look is an error."""
    assert quote.ask >= quote.bid > 0
    assert quote.last > 0
    quotes = {**state.quotes, quote.symbol: quote}
    before = state.memory.watch
    profit = Decimal(0)
    for symbol, position in state.memory.books.positions.items():
        profit += position.realised + position.quantity * (quotes[symbol].bid + quotes[symbol].ask) / 2 - position.cost
    assert before.day == now.astimezone(state.zone).date().isoformat()
    assert before.capital
    assert profit <= before.peak
    assert (before.day_began_at - profit) / before.capital * 100 < state.limits.daily_loss_max_pct
    assert (before.peak - profit) / (before.capital + before.peak) * 100 < state.limits.drawdown_max_pct
    wishes, names = [], set()
    for cell in state.strategy_state.range.cells:
        slot = f"B:{cell.number}"
        bought = state.slots.get(slot)  # type: ignore[call-overload]
        assert cell.phase == "buying"
        assert not bought.filled
        wish = DesiredOrder(
            slot=slot,  # type: ignore[arg-type]
            cycle=cell.cycle,
            symbol=BTC,
            side=BUY,
            kind=LIMIT,
            quantity=cell.quantity,
            price=cell.buy_at,
            purpose=ENTRY,
            reason="buys at its line",
        )
        assert ZERO < wish.quantity < INFINITE
        assert wish.price is not None
        assert ZERO < wish.price < INFINITE
        wishes.append(wish)
        names.add(slot)
    assert len(names) == len(wishes)
    assert state.control is Control.ACTIVE
    for wish in wishes:
        facts = state.slots[wish.slot]
        order = facts.live[0]
        assert order.price == wish.price
        assert order.quantity == wish.quantity
        assert (order.cycle, order.side, order.kind) == (wish.cycle, wish.side, wish.kind)
        assert not facts.filled
    for slot_, facts in state.slots.items():
        assert not facts.live or slot_ in names
    return msgspec.structs.replace(state, quotes=quotes), ()


def side_by_side(works: Sequence[Callable[[int], object]], rounds: int) -> list[float]:
    """Microseconds a call of each, in small batches by turns: what disturbs the machine disturbs all of them.

    Of each, the first quarter of its batches: slower ones tell of the machine and not of the work.
    """
    batch = 20
    times: list[list[float]] = [[] for _ in works]
    for start in range(0, rounds, batch):
        for work, taken in zip(works, times, strict=True):
            began = time.perf_counter()
            for number in range(start, start + batch):
                work(number)
            taken.append((time.perf_counter() - began) / batch)
    return [statistics.quantiles(taken, n=4)[0] * 1e6 for taken in times]


def bench_look(rounds: int = 6000) -> dict[str, float]:
    state = grid_trader()
    quotes = [quote(Decimal(58_000) + number % 50, number) for number in range(rounds)]
    events = [QuoteChanged(one) for one in quotes]
    assert decide_by_hand(state, quotes[0], NOW) == decide(state, events[0], NOW)
    gc.collect()
    gc.disable()
    look, floor = side_by_side(
        [
            lambda number: decide(state, events[number], NOW),
            lambda number: decide_by_hand(state, quotes[number], NOW),
        ],
        rounds,
    )
    gc.enable()
    return {
        "decide_us": round(look, 1),
        "decide_limit_us": LOOK_LIMIT_US,
        "floor_us": round(floor, 1),
        "ratio": round(look / floor, 2),
        "ratio_limit": LOOK_LIMIT_RATIO,
    }


def bench_fold(count: int) -> dict[str, float]:
    fills = [
        Fill(
            symbol=BTC,
            trade_id=TradeId(str(number)),
            venue_order_id=VenueOrderId("1"),
            client_order_id=ClientOrderId("1"),
            side=Side.BUY if number % 4 < 2 else Side.SELL,
            price=Decimal(50_000) + number % 97,
            quantity=Decimal("0.00150") if number % 4 < 2 else Decimal("0.00149"),
            fee=Decimal("0.0000015") if number % 4 < 2 else Decimal("0.0745"),
            fee_asset=RULES.base if number % 4 < 2 else RULES.quote,
            maker=True,
            at=NOW + timedelta(seconds=number),
        )
        for number in range(1000)
    ]
    # The same thousand over and over: a million fills would be memory of their own.
    position, sizes = FLAT, []
    began = time.perf_counter()
    for number in range(count):
        position = fold(position, fills[number % 1000])
        if number % (count // 10) == count // 20:
            sizes.append(len(msgspec.json.encode(position)))
    took = time.perf_counter() - began
    return {
        "fills": count,
        "fold_s": round(took, 2),
        "fold_limit_s": FOLD_LIMIT_S,
        "position_kb_first": round(sizes[0] / 1024, 1),
        "position_kb_last": round(sizes[-1] / 1024, 1),
        **bench_books(fills, count // 10),
    }


def bench_books(fills: Sequence[Fill], count: int) -> dict[str, float]:
    """The same with all that the books keep besides: balances, fees, trade ids."""
    renamed = [msgspec.structs.replace(fills[number % 1000], trade_id=TradeId(str(number))) for number in range(count)]
    books = EMPTY
    began = time.perf_counter()
    for fill in renamed:
        books = record(books, fill, None)
    return {"books_us_a_fill": round((time.perf_counter() - began) / count * 1e6, 1)}


def bench_memory() -> dict[str, float]:
    grid_trader()
    gc.collect()
    tracemalloc.start()
    state = grid_trader()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert state.orders
    return {"trader_kb": round(size / 1024, 1), "trader_limit_kb": TRADER_LIMIT_KB}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=1_000_000)
    arguments = parser.parse_args()
    figures = {**bench_look(), **bench_fold(arguments.fills), **bench_memory()}
    print(json.dumps({"bench": "core", "python": platform.python_version(), **figures}))


if __name__ == "__main__":
    main()
