"""Random secrets that stand for somebody, and the fingerprints that are kept of them.

A token has 256 bits of randomness, so a plain SHA-256 of it is a safe thing to keep: there is nothing to guess.
"""

import hashlib
import secrets
from enum import StrEnum


class TokenKind(StrEnum):
    """What a token is for: its first letters, so that a leaked one can be recognised wherever it turns up."""

    PAPER = "tf_paper_"
    """A personal token that reaches paper and testnet accounts only."""
    LIVE = "tf_live_"
    SESSION = "tf_session_"
    SIGN_IN_LINK = "tf_enter_"
    ACCESS = "tf_access_"
    REFRESH = "tf_refresh_"


def mint(kind: TokenKind) -> str:
    return kind + secrets.token_urlsafe(32)


def kind_of(token: str) -> TokenKind | None:
    return next((kind for kind in TokenKind if token.startswith(kind)), None)


def fingerprint(token: str) -> bytes:
    """What is stored and looked up instead of the token."""
    return hashlib.sha256(token.encode()).digest()


def derive(token: str, purpose: str) -> str:
    """A second secret made from a token: seeing it tells nothing of the token, nor of one made for another purpose."""
    return hashlib.blake2b(purpose.encode(), key=hashlib.sha256(token.encode()).digest(), digest_size=24).hexdigest()
