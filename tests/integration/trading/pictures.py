"""Every strategy's run as a picture for its page: `make pictures` draws them all anew."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path

import msgspec

from tests.integration.trading.chart import Level, Panel, Picture, Point, draw
from tests.integration.trading.engine import T0
from tests.integration.trading.runs import RUNS, Run, trade
from tests.integration.trading.trader import Trader
from trading.ids import Symbol
from trading.orders import Side
from trading.valuation import profit

FOLDER = Path(__file__).parents[3] / "docs" / "strategies" / "pictures"
WORTH_SHOWING = Decimal(5)
"""What is left of a sale is less, and its average cost says nothing."""


class Sample(msgspec.Struct, frozen=True):
    hour: float
    price: float
    cost: float | None


def picture(name: str, run: Run) -> Picture:
    samples: dict[Symbol, list[Sample]] = {}

    def watch(trader: Trader) -> None:
        for symbol in trader.state.needs.symbols:
            samples.setdefault(symbol, []).append(_sample(trader, symbol))

    trader = trade(run, watch)
    return Picture(
        title=f"{name} on the paper exchange: {run.hours:g} hours, seed {run.seed}",
        about=_in_words(trader, run),
        hours=run.hours,
        panels=[_panel(trader, symbol, run, seen) for symbol, seen in samples.items()],
    )


def _sample(trader: Trader, symbol: Symbol) -> Sample:
    mid = trader.state.quotes[symbol].mid
    position = trader.state.memory.books.position(symbol)
    shown = position.quantity * mid >= WORTH_SHOWING and position.average_cost is not None
    return Sample(
        hour=_hour(trader.gateway.engine.now),
        price=float(mid),
        cost=float(position.average_cost) if shown and position.average_cost is not None else None,
    )


def _panel(trader: Trader, symbol: Symbol, run: Run, samples: list[Sample]) -> Panel:
    orders = [known.order for known in trader.gateway.orders.values() if known.order.symbol == symbol]
    open_now = {order.client_order_id for order in orders} & trader.gateway.engine.open_orders().keys()
    fills = [fill for fill in trader.gateway.engine.fills() if fill.symbol == symbol]
    points = {side: [_point(fill.at, fill.price) for fill in fills if fill.side is side] for side in Side}
    return Panel(
        name=symbol,
        prices=[(sample.hour, sample.price) for sample in samples],
        costs=list(_pieces(samples)),
        levels=[
            Level(
                buys=order.side is Side.BUY,
                price=float(order.price),
                since=_hour(order.created_at),
                until=run.hours if order.client_order_id in open_now else _hour(order.updated_at),
            )
            for order in orders
            if order.price is not None
        ],
        buys=list(dict.fromkeys(points[Side.BUY])),
        sales=list(dict.fromkeys(points[Side.SELL])),
    )


def _pieces(samples: list[Sample]) -> Iterator[list[Point]]:
    """The average cost, broken where nothing is held."""
    for held, group in groupby(samples, key=lambda sample: sample.cost is not None):
        if held:
            yield list(_corners([(sample.hour, sample.cost or 0.0) for sample in group]))


def _corners(points: list[Point]) -> Iterator[Point]:
    yield points[0]
    for (_, before), (hour, cost) in pairwise(points):
        if cost != before:
            yield (hour, before)
            yield (hour, cost)
    yield points[-1]


def _point(at: datetime, price: Decimal) -> Point:
    return _hour(at), float(price)


def _hour(at: datetime) -> float:
    return (at - T0).total_seconds() / 3600


def _in_words(trader: Trader, run: Run) -> str:
    """What the picture shows, in a sentence."""
    fills = trader.gateway.engine.fills()
    trades = {side: len({fill.venue_order_id for fill in fills if fill.side is side}) for side in Side}
    made = profit(trader.state.memory.books, trader.state.quote_asset, trader.state.quotes)
    return (
        f"In {run.hours:g} hours {trades[Side.BUY]} orders bought and {trades[Side.SELL]} sold; "
        f"with what is held at the market that made {made:.2f} {trader.state.quote_asset}, fees paid."
    )


if __name__ == "__main__":
    for name, run in RUNS.items():
        (FOLDER / f"{name}.svg").write_text(draw(picture(name, run)))
