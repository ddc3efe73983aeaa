"""Settings as people write them."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest

from trading.limits import Limits
from trading.params import ParamsRefused, amount, parse
from trading.strategies import BUILT_IN, params_schema


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    below_pct: Annotated[Decimal, amount(gt=0, lt=100, about="")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    size: Annotated[Decimal, amount(gt=0, le=10, about="how large")]
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    levels: tuple[Level, ...] = ()
    shares: dict[str, Annotated[Decimal, amount(ge=0, le=100, about="")]] = {}
    stop: Annotated[Decimal, amount(lt=0, about="")] | None = None


def test_reads_plain_json_exactly() -> None:
    read = parse(Settings, {"size": "0.10", "levels": [{"below_pct": 2}], "shares": {"BTC": 12.5}, "stop": "-1"})
    assert read == Settings(
        size=Decimal("0.10"), levels=(Level(Decimal(2)),), shares={"BTC": Decimal("12.5")}, stop=Decimal(-1)
    )


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "size is None; allowed is number above 0 at most 10"),
        ({"size": 11}, "size is 11; allowed is number above 0 at most 10"),
        ({"size": float("inf")}, "size is inf; allowed is number above 0 at most 10"),
        ({"size": True}, "size is True; allowed is number above 0 at most 10"),
        ({"size": 1, "count": 0}, "count is 0; allowed is integer at least 1"),
        (
            {"size": 1, "levels": [{"below_pct": "100"}]},
            "levels[0].below_pct is 100; allowed is number above 0 below 100",
        ),
        ({"size": 1, "levels": [{"above": 1}]}, "levels[0] is [{'above': 1}]; allowed is"),
        ({"size": 1, "shares": {"BTC": "101"}}, "shares.BTC is 101; allowed is number at least 0 at most 100"),
        ({"size": 1, "stop": 1}, "stop is 1; allowed is number below 0"),
        ({"size": 1, "sise": 1}, "sise is 1; allowed is one of size, count, levels, shares, stop"),
    ],
)
def test_refuses_with_field_value_and_range(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse(Settings, raw)
    assert message in str(refused.value)


def test_names_everything_that_is_wrong_at_once() -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse(Settings, {"size": 0, "count": 0, "colour": "red"})
    assert {problem.field for problem in refused.value.problems} == {"size", "count", "colour"}


def test_defaults_of_the_limits_are_within_their_own_bounds() -> None:
    limits = Limits()
    assert parse(Limits, msgspec.to_builtins(limits)) == limits


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_schema_says_every_bound(name: str) -> None:
    structs = [kind for kind in params_schema(BUILT_IN[name])["$defs"].values() if kind.get("type") == "object"]
    assert structs
    for kind in structs:
        assert kind["additionalProperties"] is False
        for field, said in kind["properties"].items():
            if said.get("format") == "decimal":
                assert {"minimum", "exclusiveMinimum"} & said.keys(), field
                assert {"maximum", "exclusiveMaximum"} & said.keys(), field
                assert said.get("description"), field
