import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError
from api.problems import pointer
from api.requests import DEPTH_MAX, as_type, has_nul, too_deep

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_nesting_is_bounded() -> None:
    assert not too_deep(nested(DEPTH_MAX))
    assert too_deep(nested(DEPTH_MAX + 1))
    assert too_deep(b"[" * 100_000)
    assert not too_deep(b"[" + b"[]," * 10_000 + b"[]]")


@given(JSON)
def test_nothing_ordinary_is_too_deep_or_holds_a_nul_that_is_not_there(value: object) -> None:
    body = msgspec.json.encode(value)
    assert not too_deep(body) or body.count(b"[") + body.count(b"{") > DEPTH_MAX
    assert has_nul(value) == (b"\\u0000" in body.replace(b"\\\\", b""))


class Leg(msgspec.Struct, forbid_unknown_fields=True):
    price: int


class Order(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    live: bool = False
    legs: list[Leg] = []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "live": 0}, "/live"),
        ({"name": "x", "legs": [{"price": "5"}]}, "/legs/0/price"),
        ({"name": "x", "legs": [{"price": 5}, {}]}, "/legs/1/price"),
        ({"name": "x", "legs": [{"price": 5, "user_id": 1}]}, "/legs/0/user_id"),
        ({"live": True}, "/name"),
        ({"name": "x", "a/b": 1}, "/a~1b"),
        ([], ""),
    ],
)
def test_a_body_is_read_strictly_and_the_wrong_field_is_pointed_at(body: object, pointer: str) -> None:
    with pytest.raises(ApiError) as refused:
        as_type(body, Order)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""),
        ("name", "/name"),
        ("params.legs[0].price", "/params/legs/0/price"),
        ("a/b~c", "/a~1b~0c"),
    ],
)
def test_a_path_becomes_a_json_pointer(path: str, expected: str) -> None:
    assert pointer(path) == expected
