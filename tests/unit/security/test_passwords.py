import asyncio
import time

from argon2 import PasswordHasher

from security.passwords import Passwords

WEAK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
STRONGER = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)


async def test_the_right_password_fits_and_a_wrong_one_does_not() -> None:
    passwords = Passwords(WEAK)
    stored = await passwords.hash("correct horse battery")
    assert (await passwords.verify(stored, "correct horse battery")).ok
    assert not (await passwords.verify(stored, "correct horse batterz")).ok


async def test_the_hash_is_argon2id_and_salted() -> None:
    passwords = Passwords()
    first, second = await passwords.hash("same password"), await passwords.hash("same password")
    assert first.startswith("$argon2id$")
    assert first != second


async def test_no_password_fits_a_user_who_does_not_exist() -> None:
    passwords = Passwords(WEAK)
    assert not (await passwords.verify(None, "no password fits this hash, since it is compared and then refused")).ok


async def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    """Counted in work, not in time: both hash once."""
    calls = 0

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            nonlocal calls
            calls += 1
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=1, memory_cost=64, parallelism=1))
    stored = await passwords.hash("a password")
    await passwords.verify(stored, "another password")
    await passwords.verify(None, "another password")
    assert calls == 2


async def test_a_weaker_hash_is_renewed_when_its_password_was_right() -> None:
    stored = await Passwords(WEAK).hash("a password")
    verdict = await Passwords(STRONGER).verify(stored, "a password")
    assert verdict.rehash is not None
    assert await Passwords(STRONGER).verify(verdict.rehash, "a password") == type(verdict)(ok=True)
    assert (await Passwords(STRONGER).verify(stored, "wrong")).rehash is None


async def test_a_damaged_hash_fits_nothing() -> None:
    assert not (await Passwords(WEAK).verify("not a hash", "a password")).ok


async def test_hashing_leaves_the_event_loop_free() -> None:
    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            time.sleep(0.05)
            return super().hash(password, salt=salt)

    passwords = Passwords(Slow(time_cost=1, memory_cost=64, parallelism=1))
    hashing = asyncio.create_task(passwords.hash("a password"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_a_verdict_shows_no_hash() -> None:
    stored = await Passwords(WEAK).hash("a password")
    assert "argon2" not in repr(await Passwords(STRONGER).verify(stored, "a password"))
