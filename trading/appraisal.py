"""What an account is worth now, as its trader knows it: a point on the equity curve."""

from decimal import Decimal

import msgspec

from trading.ids import Asset, base_of, quote_of
from trading.state import TraderState
from trading.valuation import profit, worth


class Appraisal(msgspec.Struct, frozen=True, kw_only=True):
    quote_asset: Asset
    equity: Decimal
    """All balances in the assets that are traded, at the mid."""
    realised: Decimal
    unrealised: Decimal


def appraise(state: TraderState) -> Appraisal | None:
    """None while something that counts has no price: a gap in the curve is better than a false point on it."""
    if not state.synced or any(symbol not in state.quotes for symbol in state.needs.symbols):
        return None
    into = state.quote_asset
    books = state.memory.books
    total = profit(books, into, state.quotes)
    if total is None:
        return None
    unrealised = sum(
        (
            position.unrealised(state.quotes[symbol].mid)
            for symbol, position in books.positions.items()
            if position.quantity and quote_of(symbol) == into
        ),
        Decimal(0),
    )
    traded = {asset for symbol in state.needs.symbols for asset in (base_of(symbol), quote_of(symbol))}
    return Appraisal(
        quote_asset=into,
        equity=worth(state.balances, traded, into, state.quotes),
        realised=total - unrealised,
        unrealised=unrealised,
    )
