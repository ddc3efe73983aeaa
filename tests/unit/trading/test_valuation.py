"""What holdings are worth, by hand."""

from tests.unit.trading.simulated import BTC, ETH, D, instrument, quote
from tests.unit.trading.test_positions import fill
from trading.books import EMPTY, Books, record
from trading.ids import Asset, Symbol
from trading.valuation import dust, profit, rate, worth

USDT, BNB = Asset("USDT"), Asset("BNB")
QUOTES = {BTC: quote("99", "101"), Symbol("BNB/USDT"): quote("500", symbol=Symbol("BNB/USDT"))}


def books(*fills: tuple[str, str, str, str, str]) -> Books:
    found = EMPTY
    for number, row in enumerate(fills):
        found = record(found, fill(*row, number=number), None)
    return found


def test_a_rate_is_the_mid_directly_or_the_other_way_round() -> None:
    assert rate(USDT, USDT, {}) == 1
    assert rate(Asset("BTC"), USDT, QUOTES) == 100
    assert rate(USDT, Asset("BTC"), QUOTES) == D("0.01")
    assert rate(Asset("ETH"), USDT, QUOTES) is None


def test_profit_is_realised_and_not_yet_less_fees_in_any_asset() -> None:
    traded = books(("buy", "2", "90", "0", "USDT"), ("sell", "1", "95", "0.01", "BNB"))
    # 5 realised, 10 on what is held at 100, 0.01 BNB at 500.
    assert profit(traded, USDT, QUOTES) == 10


def test_profit_is_unknown_while_something_held_has_no_price() -> None:
    traded = books(("buy", "2", "90", "0", "USDT"))
    assert profit(traded, USDT, {}) is None
    assert profit(books(("buy", "1", "90", "0", "USDT"), ("sell", "1", "91", "0", "USDT")), USDT, {}) == 1


def test_balances_are_worth_what_can_be_priced() -> None:
    balances = {USDT: (D(5), D(5)), Asset("BTC"): (D(1), D(0)), Asset("XYZ"): (D(9), D(0))}
    assert worth(balances, (USDT, Asset("BTC"), Asset("XYZ")), USDT, QUOTES) == 110


def test_dust_is_what_is_held_and_cannot_be_sold() -> None:
    rules = {BTC: instrument(), ETH: instrument(ETH)}
    assert dust(books(("buy", "0.04", "90", "0", "USDT")), rules, QUOTES) == {BTC: D("0.04")}  # 3.96 of at least 5
    assert dust(books(("buy", "0.06", "90", "0", "USDT")), rules, QUOTES) == {}
