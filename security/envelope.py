"""Envelope encryption: each secret has a data key of its own, and a master key wraps the data key.

Both layers are AES-256-GCM and both carry the binding as associated data, so a row copied to another user, account or
venue opens nowhere. Rotating the master key wraps the data keys anew; what is sealed stays as it is.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import CannotOpen, MalformedKeyRing, UnknownMasterKey

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret belongs. It opens there and nowhere else."""

    user: str
    account: str
    venue: str

    def associated_data(self, layer: str) -> bytes:
        # A JSON list cannot be read in two ways; joined text could ("a" + "bc" is "ab" + "c").
        return msgspec.json.encode(["tradefleet", 1, layer, self.user, self.account, self.venue])


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as the database keeps it."""

    sealed: bytes
    wrapped_key: bytes
    master_key_id: str


class KeyRing:
    """Master keys by id. The first seals; every one still opens."""

    __slots__ = ("_keys", "newest")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise MalformedKeyRing("a key ring needs at least one master key, written `id:base64`")
        for key_id, key in keys.items():
            if not KEY_ID.fullmatch(key_id):
                raise MalformedKeyRing("a master key's id is 1 to 64 letters, digits, dots, dashes or underscores")
            if len(key) != KEY_BYTES:
                raise MalformedKeyRing(f"master key {key_id!r} has {len(key)} bytes; it must have {KEY_BYTES}")
        self._keys = MappingProxyType(dict(keys))
        self.newest = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `id:base64,id:base64`, newest first. Make a key with `openssl rand -base64 32`."""
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.split(","), start=1):
            key_id, separator, encoded = entry.strip().partition(":")
            if not separator:
                raise MalformedKeyRing(f"entry {number} of the key ring is not of the form `id:base64`")
            if key_id in keys:
                raise MalformedKeyRing(f"entry {number} of the key ring repeats an id")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise MalformedKeyRing(f"entry {number} of the key ring is not base64 after the colon") from None
        return cls(keys)

    @classmethod
    def generate(cls, key_id: str) -> Self:
        return cls({key_id: os.urandom(KEY_BYTES)})

    def text(self) -> str:
        """The ring in the form that `parse` reads. This is the secret itself: write it to a 0600 file, nowhere else."""
        return ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in self._keys.items())

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(f'{key_id}:***' for key_id in self._keys)})"

    def __reduce__(self) -> str:
        raise TypeError("a key ring is never pickled: it would end up in a file or a queue")

    def seal(self, secret: bytes, binding: Binding) -> Sealed:
        data_key = AESGCM.generate_key(256)
        return Sealed(
            sealed=_encrypt(data_key, secret, binding.associated_data("secret")),
            wrapped_key=self._wrap(data_key, binding),
            master_key_id=self.newest,
        )

    def open(self, sealed: Sealed, binding: Binding) -> bytes:
        """The secret, or `CannotOpen`; `UnknownMasterKey` when its master key was taken off the ring."""
        return _decrypt(self._unwrap(sealed, binding), sealed.sealed, binding.associated_data("secret"))

    def rewrap(self, sealed: Sealed, binding: Binding) -> Sealed:
        """The same secret under the newest master key. Already there, it comes back as it is."""
        if sealed.master_key_id == self.newest:
            return sealed
        return msgspec.structs.replace(
            sealed, wrapped_key=self._wrap(self._unwrap(sealed, binding), binding), master_key_id=self.newest
        )

    def _wrap(self, data_key: bytes, binding: Binding) -> bytes:
        return _encrypt(self._keys[self.newest], data_key, binding.associated_data(f"key {self.newest}"))

    def _unwrap(self, sealed: Sealed, binding: Binding) -> bytes:
        master_key = self._keys.get(sealed.master_key_id)
        if master_key is None:
            raise UnknownMasterKey(sealed.master_key_id)
        return _decrypt(master_key, sealed.wrapped_key, binding.associated_data(f"key {sealed.master_key_id}"))


def _encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypt(key: bytes, box: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        # ValueError: too short to hold a nonce. `from None`: a chained error would print what it was given.
        raise CannotOpen from None
