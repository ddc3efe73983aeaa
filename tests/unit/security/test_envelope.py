import base64
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.envelope import Binding, KeyRing, Sealed
from security.errors import CannotOpen, MalformedKeyRing, SecurityError, UnknownMasterKey

HOME = Binding(user="usr_a", account="acc_a", venue="binance")
RING = KeyRing.generate("2026a")
NAMES = st.text(min_size=1, max_size=20)
BINDINGS = st.builds(Binding, user=NAMES, account=NAMES, venue=NAMES)


@given(secret=st.binary(max_size=300), binding=BINDINGS)
def test_a_sealed_secret_opens_where_it_belongs(secret: bytes, binding: Binding) -> None:
    assert RING.open(RING.seal(secret, binding), binding) == secret


@given(home=BINDINGS, elsewhere=BINDINGS)
def test_a_moved_secret_opens_nowhere_else(home: Binding, elsewhere: Binding) -> None:
    sealed = RING.seal(b"secret", home)
    if home == elsewhere:
        return
    with pytest.raises(CannotOpen):
        RING.open(sealed, elsewhere)


def test_names_that_join_to_the_same_text_are_still_different_places() -> None:
    sealed = RING.seal(b"secret", Binding(user="a", account="bc", venue="v"))
    with pytest.raises(CannotOpen):
        RING.open(sealed, Binding(user="ab", account="c", venue="v"))


@given(bit=st.integers(min_value=0), part=st.sampled_from(["sealed", "wrapped_key"]))
def test_one_flipped_bit_is_noticed(bit: int, part: str) -> None:
    sealed = RING.seal(b"secret", HOME)
    box = bytearray(getattr(sealed, part))
    box[bit // 8 % len(box)] ^= 1 << bit % 8
    with pytest.raises(CannotOpen):
        RING.open(msgspec.structs.replace(sealed, **{part: bytes(box)}), HOME)


@given(length=st.integers(0, 60), part=st.sampled_from(["sealed", "wrapped_key"]))
def test_a_cut_secret_does_not_open(length: int, part: str) -> None:
    sealed = RING.seal(b"secret", HOME)
    box = getattr(sealed, part)
    if length >= len(box):
        return
    with pytest.raises(CannotOpen):
        RING.open(msgspec.structs.replace(sealed, **{part: box[:length]}), HOME)


def test_a_data_key_of_another_credential_does_not_open_this_one() -> None:
    mine, other = RING.seal(b"mine", HOME), RING.seal(b"other", HOME)
    with pytest.raises(CannotOpen):
        RING.open(msgspec.structs.replace(mine, wrapped_key=other.wrapped_key), HOME)


def test_the_same_secret_never_seals_to_the_same_bytes() -> None:
    assert RING.seal(b"secret", HOME).sealed != RING.seal(b"secret", HOME).sealed


def rotated() -> tuple[KeyRing, KeyRing, KeyRing]:
    old = KeyRing.generate("old")
    fresh = KeyRing.generate("new")
    return old, KeyRing.parse(f"{fresh.text()},{old.text()}"), fresh


def test_the_newest_key_seals_and_an_older_one_still_opens() -> None:
    old, both, _ = rotated()
    assert both.open(old.seal(b"secret", HOME), HOME) == b"secret"
    assert both.seal(b"secret", HOME).master_key_id == "new"


def test_after_rewrapping_the_old_master_key_is_not_needed() -> None:
    old, both, fresh = rotated()
    sealed = old.seal(b"secret", HOME)
    moved = both.rewrap(sealed, HOME)
    assert moved.sealed == sealed.sealed
    assert fresh.open(moved, HOME) == b"secret"
    with pytest.raises(UnknownMasterKey, match="old"):
        fresh.open(sealed, HOME)


def test_rewrapping_what_is_already_under_the_newest_key_changes_nothing() -> None:
    sealed = RING.seal(b"secret", HOME)
    assert RING.rewrap(sealed, HOME) is sealed


def test_a_seal_names_the_master_key_it_was_made_with() -> None:
    """Two keys of one ring: claiming the other one's id opens nothing."""
    _, both, _ = rotated()
    sealed = both.seal(b"secret", HOME)
    with pytest.raises(CannotOpen):
        both.open(msgspec.structs.replace(sealed, master_key_id="old"), HOME)


def test_a_ring_survives_its_own_text() -> None:
    assert KeyRing.parse(RING.text()).open(RING.seal(b"secret", HOME), HOME) == b"secret"


GOOD = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "entry 1"),
        (GOOD, "entry 1"),
        (f"a:{GOOD},b", "entry 2"),
        (f"a:{GOOD},a:{GOOD}", "repeats"),
        ("a:hunter22!", "base64"),
        (f"a:{base64.b64encode(b'short').decode()}", "must have 32"),
        (f"bad id:{GOOD}", "id"),
    ],
)
def test_a_malformed_ring_says_what_is_wrong_and_nothing_of_what_it_holds(text: str, says: str) -> None:
    with pytest.raises(MalformedKeyRing, match=says) as caught:
        KeyRing.parse(text)
    assert GOOD not in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_a_ring_shows_stars_and_refuses_to_be_pickled() -> None:
    assert repr(RING) == "KeyRing(2026a:***)"
    with pytest.raises(TypeError):
        pickle.dumps(RING)


def test_no_error_carries_the_secret_or_a_key() -> None:
    canary = b"canary-secret-material"
    sealed = RING.seal(canary, HOME)
    broken = Sealed(sealed=sealed.sealed[:-1] + b"?", wrapped_key=sealed.wrapped_key, master_key_id="2026a")
    with pytest.raises(SecurityError) as caught:
        RING.open(broken, HOME)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "canary" not in str(caught.value)
