"""A run drawn as SVG: prices, the orders that stood, what was bought and sold, and the average cost.

Written by hand, so that it needs no library and the same run gives the same bytes. It brings its own background, light
or dark as the reader's system says, and tells buys from sales by shape as well as by colour.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import floor, log10
from xml.sax.saxutils import escape

import msgspec

WIDTH, PANEL, GAP = 860, 260, 16
LEFT, RIGHT, TOP, BOTTOM = 12, 70, 40, 26
STYLE = """
text{font:12px system-ui,sans-serif;fill:#57606a}
.back{fill:#fff}
.rule{stroke:#8b949e;stroke-opacity:.25}
.price{fill:none;stroke:#6e7781}
.cost{fill:none;stroke:#8a5500;stroke-width:1.8;stroke-dasharray:5 3}
.bid{stroke:#0b7346;stroke-opacity:.6}
.offer{stroke:#b3202c;stroke-opacity:.6}
.buy{fill:#0b7346}
.sale{fill:#b3202c}
@media(prefers-color-scheme:dark){
text{fill:#9da7b3}
.back{fill:#141c24}
.price{stroke:#9fb2c4}
.cost{stroke:#e3b341}
.bid{stroke:#4ac48a}
.offer{stroke:#ff8d85}
.buy{fill:#4ac48a}
.sale{fill:#ff8d85}
}
"""
Point = tuple[float, float]
"""When, in hours since the run began, and at which price."""


class Level(msgspec.Struct, frozen=True):
    """An order that stood at a price for a while."""

    buys: bool
    price: float
    since: float
    until: float


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One market."""

    name: str
    prices: Sequence[Point]
    costs: Sequence[Sequence[Point]]
    """Pieces of a line in steps: nothing is held between two of them."""
    levels: Sequence[Level]
    buys: Sequence[Point]
    sales: Sequence[Point]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    about: str
    """The same in words, for who cannot see it."""
    hours: float
    panels: Sequence[Panel]


def draw(picture: Picture) -> str:
    height = TOP + len(picture.panels) * (PANEL + GAP) - GAP + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(picture.title)}</title>',
        f'<desc id="d">{escape(picture.about)}</desc>',
        f"<style>{STYLE}</style>",
        '<defs><path id="b" d="M0 0l5 9h-10z"/><path id="s" d="M0 0l5-9h-10z"/></defs>',
        f'<rect class="back" width="{WIDTH}" height="{height}" rx="8"/>',
        *_legend(),
    ]
    for number, panel in enumerate(picture.panels):
        lines += _panel(panel, picture.hours, TOP + number * (PANEL + GAP))
    lines += (
        f'<text x="{_x(hour, picture.hours)}" y="{height - 8}" text-anchor="middle">{hour} h</text>'
        for hour in range(1, int(picture.hours) + 1)
    )
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> Iterator[str]:
    yield f'<line class="price" x1="{LEFT}" x2="{LEFT + 24}" y1="18" y2="18"/><text x="{LEFT + 30}" y="22">price</text>'
    yield '<line class="cost" x1="92" x2="116" y1="18" y2="18"/><text x="122" y="22">average cost</text>'
    yield '<line class="bid" x1="216" x2="240" y1="18" y2="18"/><text x="246" y="22">bids</text>'
    yield '<line class="offer" x1="292" x2="316" y1="18" y2="18"/><text x="322" y="22">offers</text>'
    yield '<use class="buy" href="#b" x="386" y="14"/><text x="396" y="22">bought</text>'
    yield '<use class="sale" href="#s" x="462" y="23"/><text x="472" y="22">sold</text>'


def _panel(panel: Panel, hours: float, top: int) -> Iterator[str]:
    seen = [price for _, price in (*panel.prices, *panel.buys, *panel.sales)]
    margin = (max(seen) - min(seen)) * 0.06
    low, high = min(seen) - margin, max(seen) + margin

    def x(hour: float) -> str:
        return _x(hour, hours)

    def y(price: float) -> str:
        return _number(top + PANEL * (high - price) / (high - low))

    def line(kind: str, points: Iterable[Point]) -> str:
        return f'<polyline class="{kind}" points="{" ".join(f"{x(hour)},{y(price)}" for hour, price in points)}"/>'

    for price in _round_prices(low, high):
        yield f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(price)}" y2="{y(price)}"/>'
        yield f'<text x="{WIDTH - RIGHT + 6}" y="{y(price)}" dy="4">{price:,.10g}</text>'
    yield f'<text x="{LEFT}" y="{top + 12}">{escape(panel.name)}</text>'
    for level in panel.levels:
        if low <= level.price <= high:
            kind, at = "bid" if level.buys else "offer", y(level.price)
            yield f'<line class="{kind}" x1="{x(level.since)}" x2="{x(level.until)}" y1="{at}" y2="{at}"/>'
    yield line("price", panel.prices)
    for piece in panel.costs:
        yield line("cost", piece)
    for kind, shape, points in (("buy", "b", panel.buys), ("sale", "s", panel.sales)):
        for hour, price in points:
            yield f'<use class="{kind}" href="#{shape}" x="{x(hour)}" y="{y(price)}"/>'


def _x(hour: float, hours: float) -> str:
    return _number(LEFT + (WIDTH - LEFT - RIGHT) * hour / hours)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _round_prices(low: float, high: float) -> list[float]:
    """Three to six figures that are easy to read."""
    raw = (high - low) / 5
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    first = floor(low / step) + 1
    return [number * step for number in range(first, floor(high / step) + 1)]
