"""A strategy's JSON schema as a form, and what was typed as params."""

import pytest

from api.pages.fields import Kind, errors_by_field, make_form, read_params, written
from trading.strategies import BUILT_IN, params_schema, parse_params


def test_the_fields_of_naive_are_its_params_with_bounds_and_defaults() -> None:
    form = make_form(params_schema(BUILT_IN["naive"]), {}, {"dip_pct": "too deep"})
    fields = {field.name: field for field in form.fields}
    assert [field.name for field in form.extra] == ["rounds", "rebuy_pct"]
    assert (fields["dip_pct"].kind, fields["dip_pct"].bounds, fields["dip_pct"].error) == (
        Kind.NUMBER,
        "> 0, < 100",
        "too deep",
    )
    assert fields["budget"].bounds == "> 0"
    assert (fields["rounds"].kind, fields["rounds"].value) == (Kind.WHOLE, "1")


def test_a_strategy_with_modes_has_one_form_a_mode() -> None:
    schema = params_schema(BUILT_IN["dca"])
    assert make_form(schema, {}, {}).modes == ("time", "price")
    assert make_form(schema, {"mode": "price"}, {}).mode == "price"
    assert make_form(schema, {"mode": "price"}, {}, "time").mode == "time"


def test_what_was_typed_comes_back_as_params_that_the_strategy_takes() -> None:
    typed = {
        "quote": "USDT", "targets": "BTC 40\nETH: 30 %\n", "order_size_pct": "2,5", "order_step_pct": "0.1",
        "min_delta_quote": "10", "interval_s": "60", "automatic": "on",
    }  # fmt: skip
    params = read_params(make_form(params_schema(BUILT_IN["rebalance"]), typed, {}), typed)
    assert params["targets"] == {"BTC": "40", "ETH": "30"}
    assert params["order_size_pct"] == "2.5"
    assert parse_params("rebalance", params).interval_s == 60


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_defaults_written_into_a_form_and_read_again_are_the_same(name: str) -> None:
    schema = params_schema(BUILT_IN[name])
    for mode in make_form(schema, {}, {}).modes or ("",):
        form = make_form(schema, {}, {}, mode)
        again = make_form(schema, read_params(form, {field.name: field.value for field in form.fields}), {}, mode)
        assert [field.value for field in again.fields] == [field.value for field in form.fields]


def test_what_is_no_number_is_kept_for_the_strategy_to_refuse() -> None:
    form = make_form(params_schema(BUILT_IN["naive"]), {}, {})
    assert read_params(form, {"rounds": "many", "dip_pct": "deep"}) == {"rounds": "many", "dip_pct": "deep"}


def test_an_error_inside_a_field_is_said_at_the_field() -> None:
    assert errors_by_field({"/params/targets/BTC": "at most 100", "/name": "taken", "/params/levels_pct[0]": "x"}) == {
        "targets": "at most 100",
        "name": "taken",
        "levels_pct": "x",
    }


def test_nothing_is_written_as_nothing() -> None:
    assert [written(kind, None) for kind in Kind] == [""] * len(Kind)
