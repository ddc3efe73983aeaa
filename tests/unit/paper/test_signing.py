"""Who asks is who they say they are, now, from where they may, for what they may."""

import base64
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from paper.accounts import Account
from paper.errors import Refused
from paper.facts import Key, KeyKind
from paper.requests import Request, read_query
from paper.signing import Doorkeeper

NOW = 1_700_000_000_000
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
KEYS = (
    Key(key="plain", account="ann", kind=KeyKind.HMAC, secret="hush"),
    Key(key="modern", account="ann", kind=KeyKind.ED25519, secret=PUBLIC),
    Key(key="reader", account="ann", kind=KeyKind.HMAC, secret="hush", trade=False),
    Key(key="homely", account="ann", kind=KeyKind.HMAC, secret="hush", addresses=("10.0.0.1",)),
)


@pytest.fixture
def doorkeeper() -> Doorkeeper:
    account = Account(id="ann", uid=1, opened_at=0, discount=False)
    return Doorkeeper({key.key: key for key in KEYS}, {"ann": account})


def request(query: str, *, key: str = "plain", secret: str = "hush", address: str = "127.0.0.1") -> Request:
    if key == "modern":
        signature = base64.b64encode(PRIVATE.sign(query.encode())).decode().replace("+", "%2B")
    else:
        signature = hmac.digest(secret.encode(), query.encode(), "sha256").hex()
    params, signed = read_query(f"{query}&signature={signature}")
    return Request(params=params, now=NOW, payload=signed, api_key=key, address=address)


def refusal(doorkeeper: Doorkeeper, asked: Request, *, trade: bool = False) -> int:
    with pytest.raises(Refused) as refused:
        doorkeeper.verify(asked, trade=trade)
    return refused.value.code


@pytest.mark.parametrize("key", ["plain", "modern"])
def test_a_good_signature_opens_the_account(doorkeeper: Doorkeeper, key: str) -> None:
    asked = request(f"symbol=A%2FB&timestamp={NOW}", key=key)
    doorkeeper.verify(asked, trade=True)
    assert asked.account.id == "ann"


@pytest.mark.parametrize(
    ("timestamp", "more", "code"),
    [
        (NOW - 5000, "", None),
        (NOW - 5001, "", -1021),
        (NOW + 999, "", None),
        (NOW + 1000, "", -1021),
        (NOW - 8000, "&recvWindow=8000", None),
        (NOW - 8000, "&recvWindow=7999.5", -1021),
        (NOW, "&recvWindow=60001", -1131),
        (NOW * 1000, "", None),
        ("soon", "", -1100),
        ("", "", -1102),
    ],
)
def test_time_is_judged_by_the_receive_window(
    doorkeeper: Doorkeeper, timestamp: object, more: str, code: int | None
) -> None:
    asked = request(f"timestamp={timestamp}{more}")
    if code is None:
        doorkeeper.verify(asked)
    else:
        assert refusal(doorkeeper, asked) == code


def test_a_signature_by_another_secret_is_refused(doorkeeper: Doorkeeper) -> None:
    assert refusal(doorkeeper, request(f"timestamp={NOW}", secret="loud")) == -1022


def test_a_signature_of_something_else_is_refused(doorkeeper: Doorkeeper) -> None:
    for key in ("plain", "modern"):
        asked = request(f"timestamp={NOW}&quantity=1", key=key)
        asked.payload = asked.payload.replace("quantity=1", "quantity=9")
        assert refusal(doorkeeper, asked) == -1022


@pytest.mark.parametrize("signature", ["rubbish", "%00", "=" * 9, "é"])
def test_a_signature_that_is_none_is_refused(doorkeeper: Doorkeeper, signature: str) -> None:
    for key in ("plain", "modern"):
        params, signed = read_query(f"timestamp={NOW}&signature={signature}")
        assert refusal(doorkeeper, Request(params=params, now=NOW, payload=signed, api_key=key)) == -1022


def test_keys_open_only_what_they_are_for(doorkeeper: Doorkeeper) -> None:
    query = f"timestamp={NOW}"
    assert refusal(doorkeeper, request(query, key="")) == -2014
    assert refusal(doorkeeper, request(query, key="nobody")) == -2015
    assert refusal(doorkeeper, request(query, key="reader"), trade=True) == -2015
    doorkeeper.verify(request(query, key="reader"))
    assert refusal(doorkeeper, request(query, key="homely")) == -2015
    doorkeeper.verify(request(query, key="homely", address="10.0.0.1"))


def test_no_key_shows_its_secret() -> None:
    assert "hush" not in repr(KEYS[0])


def test_what_is_signed_is_query_and_body_without_the_signature() -> None:
    params, signed = read_query("a=1&signature=x&b=2", "c=3&a=9")
    assert signed == "a=1&b=2c=3&a=9"
    assert params == {"a": "1", "signature": "x", "b": "2", "c": "3"}
    with pytest.raises(Refused) as refused:
        read_query("a=1&a=2")
    assert refused.value.code == -1101
