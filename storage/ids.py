"""Names for new rows."""

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARACTERS = 9  # 45 bits of milliseconds: until the year 3084
RANDOM_CHARACTERS = 13  # 65 bits


def new_id(prefix: str) -> str:
    """A name such as `acc_01jd…`: nobody guesses it, and later ones sort after earlier ones, by the millisecond."""
    time_part = _encoded(time.time_ns() // 1_000_000, TIME_CHARACTERS)
    return f"{prefix}_{time_part}{_encoded(secrets.randbits(5 * RANDOM_CHARACTERS), RANDOM_CHARACTERS)}"


def _encoded(number: int, characters: int) -> str:
    return "".join(ALPHABET[number >> (5 * place) & 31] for place in reversed(range(characters)))
