"""Passwords: argon2id, off the event loop, at the same cost whether or not the user exists."""

import asyncio

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 256


class Verdict(msgspec.Struct, frozen=True):
    """Whether the password fits, and the hash to store instead if the old one is weaker than today's rules."""

    ok: bool
    rehash: str | None = None

    def __repr__(self) -> str:
        return f"Verdict(ok={self.ok})"


class Passwords:
    """Hashes and checks passwords. Each takes tens of milliseconds and 64 MiB, so only a few run at once."""

    def __init__(self, hasher: PasswordHasher | None = None, *, at_once_max: int = 4) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(at_once_max)
        self._nobody = self._hasher.hash("no password fits this hash, since it is compared and then refused")

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Check a password against a stored hash. None (no such user) takes as long, and never fits."""
        async with self._turn:
            return await asyncio.to_thread(self._verify, stored, password)

    def _verify(self, stored: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return Verdict(ok=False)
        if stored is None:
            return Verdict(ok=False)
        if self._hasher.check_needs_rehash(stored):
            return Verdict(ok=True, rehash=self._hasher.hash(password))
        return Verdict(ok=True)
