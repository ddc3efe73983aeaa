"""One-time passwords by time (RFC 6238, SHA-1, six digits, thirty seconds: what every authenticator app knows)."""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_S = 30
DIGITS = 6
DRIFT_STEPS = 1
"""A phone's clock may be half a minute off."""
RECOVERY_CODES = 10


def new_secret() -> bytes:
    return secrets.token_bytes(20)


def as_text(secret: bytes) -> str:
    """As people type it into an app that cannot scan."""
    return base64.b32encode(secret).decode()


def as_uri(secret: bytes, *, issuer: str, name: str) -> str:
    """What a QR code holds."""
    query = urlencode({"secret": as_text(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_S})
    return f"otpauth://totp/{quote(issuer)}:{quote(name)}?{query}"


def code_at(secret: bytes, step: int) -> str:
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: bytes, code: str, now_s: float, *, after: int) -> int | None:
    """The step of time that this code is of, if it is one of now and none that was used before."""
    now = int(now_s) // STEP_S
    steps = range(max(now - DRIFT_STEPS, after + 1), now + DRIFT_STEPS + 1)
    return next((step for step in steps if secrets.compare_digest(code_at(secret, step), code)), None)


def new_recovery_codes() -> list[str]:
    """Eighty bits each, in groups that can be read aloud."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(code[place : place + 4] for place in range(0, len(code), 4)) for code in codes]


def normal_recovery_code(text: str) -> str:
    """However it was typed."""
    return "".join(character for character in text.lower() if character.isalnum())
