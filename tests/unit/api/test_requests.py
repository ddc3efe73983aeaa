import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.problems import pointer
from api.requests import DEPTH_MAX, has_nul, too_deep

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
