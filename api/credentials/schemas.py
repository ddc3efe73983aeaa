from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

KeyText = Annotated[str, Meta(min_length=8, max_length=4096, pattern=r"^\S+$")]
SecretText = Annotated[str, Meta(min_length=8, max_length=8192)]


class PutCredentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange key and its secret, as the venue gave them out. Give it the right to trade, never to withdraw."""

    key: KeyText
    secret: SecretText

    def __repr__(self) -> str:
        return "PutCredentials(***)"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be read of a key."""

    key_last4: str
    version: int
    """Grows with every replacement."""
    updated_at: datetime
