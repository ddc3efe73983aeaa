import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.otp import (
    STEP_S,
    as_text,
    as_uri,
    code_at,
    matching_step,
    new_recovery_codes,
    new_secret,
    normal_recovery_code,
)

SECRET = b"12345678901234567890"
NOW_S = 1_111_111_109.0
NOW = int(NOW_S) // STEP_S


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(at_s: int, code: str) -> None:
    """The last six digits of RFC 6238's own examples."""
    assert code_at(SECRET, at_s // STEP_S) == code


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_a_clock_half_a_minute_off_is_let_in(drift: int) -> None:
    assert matching_step(SECRET, code_at(SECRET, NOW + drift), NOW_S, after=0) == NOW + drift


@pytest.mark.parametrize("drift", [-2, 2])
def test_a_clock_further_off_is_not(drift: int) -> None:
    assert matching_step(SECRET, code_at(SECRET, NOW + drift), NOW_S, after=0) is None


def test_a_code_is_good_once_and_an_older_one_no_more() -> None:
    used = matching_step(SECRET, code_at(SECRET, NOW), NOW_S, after=0)
    assert used is not None
    assert matching_step(SECRET, code_at(SECRET, NOW), NOW_S, after=used) is None
    assert matching_step(SECRET, code_at(SECRET, NOW - 1), NOW_S, after=used) is None
    assert matching_step(SECRET, code_at(SECRET, NOW + 1), NOW_S, after=used) == NOW + 1


@given(st.text(max_size=10))
def test_hardly_anything_is_a_code(text: str) -> None:
    right = {code_at(SECRET, step) for step in range(NOW - 1, NOW + 2)}
    ascii_text = text.encode("ascii", "ignore").decode()
    assert (matching_step(SECRET, ascii_text, NOW_S, after=0) is not None) == (ascii_text in right)


def test_an_app_reads_the_uri() -> None:
    uri = urlsplit(as_uri(SECRET, issuer="Trade fleet", name="ada@example.com"))
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/Trade%20fleet:ada%40example.com")
    query = parse_qs(uri.query)
    assert base64.b32decode(query["secret"][0]) == SECRET
    assert query["issuer"] == ["Trade fleet"]


def test_secrets_and_recovery_codes_are_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(as_text(new_secret())) == 32
    codes = [code for _ in range(20) for code in new_recovery_codes()]
    assert len(set(codes)) == 200
    assert all(len(normal_recovery_code(code)) == 16 for code in codes)


def test_a_recovery_code_is_read_however_it_was_typed() -> None:
    code = new_recovery_codes()[0]
    assert normal_recovery_code(f" {code.upper().replace('-', ' ')} ") == normal_recovery_code(code)
