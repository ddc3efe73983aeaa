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
from trading.decide import UNKNOWN_FOR_LONG, begin, decide
from trading.events import Assignment, Control, OutcomesArrived, QuoteChanged, Resynced, Snapshot, SubmitOrders
from trading.fills import Fill
from trading.ids import AccountId, Asset, ClientOrderId, Epoch, RunId, Symbol, TradeId, UserId, VenueName, VenueOrderId
from trading.instruments import Instrument
from trading.market import Quote
from trading.orders import Accepted, DesiredOrder, OrderKind, Purpose, Side
from trading.positions import FLAT, fold
from trading.state import TraderState
from trading.strategies.contract import View, Wish
from trading.strategies.range_grid import Phase

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
LEVELS = 40
ZERO, INFINITE = Decimal(0), Decimal("Infinity")
BUY, LIMIT, MARKET, ENTRY = Side.BUY, OrderKind.LIMIT, OrderKind.MARKET, Purpose.ENTRY
BUYING, ACTIVE = Phase.BUYING, Control.ACTIVE
MINUTE = timedelta(minutes=1)
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


def decide_by_hand(state: TraderState, event: QuoteChanged, now: datetime) -> tuple[TraderState, tuple[object, ...]]:
    """The floor: all that `decide` does with a quote that changes nothing, step by step in the same order, with every
    function written out in place. It knows this one grid and can do nothing else: work to do is an error."""
    quote = event.quote
    assert quote.bid.is_finite()
    assert quote.ask.is_finite()
    assert quote.last.is_finite()
    assert 0 < quote.bid <= quote.ask
    assert quote.last > 0
    state = msgspec.structs.replace(state, quotes={**state.quotes, quote.symbol: quote})
    assert state.synced
    assert not state.halted_by
    assert state.synced_at is not None
    assert now - state.synced_at < UNKNOWN_FOR_LONG
    assert not state.sent_at or now - state.sent_at[0] < MINUTE
    assert not state.memory.commands
    # The guard
    before, limits = state.memory.watch, state.limits
    profit = ZERO
    for symbol, position in state.memory.books.positions.items():
        profit += position.realised + position.quantity * state.quotes[symbol].mid - position.cost
    for asset, fee in state.memory.books.foreign_fees.items():
        profit -= fee * state.quotes[Symbol(f"{asset}/USDT")].mid
    today = now.astimezone(state.zone).date().isoformat()
    assert before.day == today
    assert profit <= before.peak
    capital = limits.capital or before.capital
    assert capital
    assert (before.day_began_at - profit) / capital * 100 < limits.daily_loss_max_pct
    assert (before.peak - profit) / (capital + before.peak) * 100 < limits.drawdown_max_pct
    assert state.memory.closing is None
    # The strategy
    view = View(
        now=now,
        quotes=state.quotes,
        instruments=state.instruments,
        readings=state.readings,
        positions=state.memory.books.positions,
        balances=state.balances,
        slots=state.slots,
        ledgers=state.memory.books.ledgers,
    )
    grid, params = state.strategy_state.range, state.params
    assert not view.commands
    cells, orders = [], []
    for cell in grid.cells:
        assert cell.phase is BUYING
        bought = view.slots.get(cell.slot)
        assert bought is not None
        assert not bought.filled
        cells.append(cell)
    assert grid.moved >= params.trail_up_lines
    assert -grid.moved >= params.trail_down_lines
    assert params.stop_price is None
    assert params.take_profit_price is None
    for cell in grid.cells:
        assert cell.phase is BUYING
        orders.append(
            DesiredOrder(
                slot=cell.slot,
                cycle=cell.cycle,
                symbol=params.symbol,
                side=BUY,
                kind=LIMIT,
                quantity=cell.quantity,
                price=cell.buy_at,
                purpose=ENTRY,
                reason="buys at its line",
            )
        )
    wish = Wish(tuple(orders), state.strategy_state)
    # Is every wish an order?
    assert len({order.slot for order in wish.orders}) == len(wish.orders)
    for wanted in wish.orders:
        assert wanted.symbol in state.needs.symbols
        assert ZERO < wanted.quantity < INFINITE
        assert wanted.price is not None
        assert wanted.kind is not MARKET
        assert ZERO < wanted.price < INFINITE
    # The controls
    assert before.cool_until is None
    assert not before.reduce_only_day
    assert state.control is ACTIVE
    assert not state.symbol_controls
    # The difference
    for wanted in wish.orders:
        facts = state.slots.get(wanted.slot)
        assert facts is not None
        order = facts.live[0]
        assert order.price == wanted.price
        assert order.quantity == wanted.quantity
        assert not facts.filled
        assert order.cycle == wanted.cycle
        assert order.kind is wanted.kind
        assert order.side is wanted.side
        assert order.symbol == wanted.symbol
        assert len(facts.live) == 1
    assert not state.slots.keys() - {wanted.slot for wanted in wish.orders}
    assert not state.shown
    assert not state.dirty
    return state, ()


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
    events = [QuoteChanged(quote(Decimal(58_000) + number % 50, number)) for number in range(rounds)]
    assert decide_by_hand(state, events[0], NOW) == decide(state, events[0], NOW)
    gc.collect()
    gc.disable()
    look, floor = side_by_side(
        [
            lambda number: decide(state, events[number], NOW),
            lambda number: decide_by_hand(state, events[number], NOW),
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
