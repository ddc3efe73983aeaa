"""What holdings are worth in one asset, by the quotes at hand. One price for all of it: the mid."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from trading.books import Books
from trading.ids import Asset, Symbol, quote_of
from trading.instruments import Instrument, Unfit, fit_quantity
from trading.market import Quote
from trading.money import ZERO


def rate(asset: Asset, into: Asset, quotes: Mapping[Symbol, Quote]) -> Decimal | None:
    """What one unit is worth, directly or the other way round; None when no quote at hand says it."""
    if asset == into:
        return Decimal(1)
    if (quote := quotes.get(Symbol(f"{asset}/{into}"))) is not None:
        return quote.mid
    if (quote := quotes.get(Symbol(f"{into}/{asset}"))) is not None:
        return 1 / quote.mid
    return None


def profit(books: Books, into: Asset, quotes: Mapping[Symbol, Quote]) -> Decimal | None:
    """Realised and unrealised together, all fees paid; None when something held cannot be valued.

    Transfers do not enter: only fills do. A fee in an asset without a quote is in the books, but has no value here.
    """
    total = ZERO
    for symbol, position in books.positions.items():
        value = position.realised
        if position.quantity:
            if (quote := quotes.get(symbol)) is None:
                return None
            value += position.unrealised(quote.mid)
        if value:
            if (factor := rate(quote_of(symbol), into, quotes)) is None:
                return None
            value *= factor
        total += value
    for asset, fee in books.foreign_fees.items():
        total -= fee * (rate(asset, into, quotes) or ZERO)
    return total


def worth(
    balances: Mapping[Asset, tuple[Decimal, Decimal]],
    assets: Iterable[Asset],
    into: Asset,
    quotes: Mapping[Symbol, Quote],
) -> Decimal:
    """What these balances are worth together; an asset without a quote counts nothing."""
    return sum((sum(balances.get(asset, ()), ZERO) * (rate(asset, into, quotes) or ZERO) for asset in assets), ZERO)


def dust(
    books: Books, instruments: Mapping[Symbol, Instrument], quotes: Mapping[Symbol, Quote]
) -> dict[Symbol, Decimal]:
    """What is held and too little to be sold at today's price: in the books, but in nobody's plans."""
    return {
        symbol: position.quantity
        for symbol, position in books.positions.items()
        if position.quantity > 0
        and symbol in instruments
        and symbol in quotes
        and isinstance(fit_quantity(instruments[symbol], position.quantity, quotes[symbol].bid), Unfit)
    }
