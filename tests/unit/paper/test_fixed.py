from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper import fixed


@given(st.integers(0, 10**28 - 1))
def test_text_and_units_are_each_others_inverse(amount: int) -> None:
    assert fixed.units(fixed.text(amount)) == amount
    assert fixed.from_decimal(Decimal(fixed.text(amount))) == amount


@pytest.mark.parametrize(("text", "amount"), [("1", 10**8), ("0.00000001", 1), ("007.50", 750_000_000)])
def test_plain_numbers_are_read(text: str, amount: int) -> None:
    assert fixed.units(text) == amount


def test_zeros_beyond_the_last_decimal_are_nothing() -> None:
    assert fixed.units("1.100000000000") == 110_000_000
    with pytest.raises(fixed.TooPrecise):
        fixed.units("1.000000001")


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e5", "1.", ".5", "1,5", " 1", "NaN", "\N{ARABIC-INDIC DIGIT ONE}", "0x10", "1" * 21]
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(fixed.Malformed):
        fixed.units(text)


def test_a_decimal_that_does_not_fit_is_refused_not_rounded() -> None:
    with pytest.raises(fixed.TooPrecise):
        fixed.from_decimal(Decimal("0.000000001"))
