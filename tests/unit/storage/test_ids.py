import re
import time

from storage.ids import new_id


def test_ids_are_short_lower_case_and_name_what_they_are_of() -> None:
    assert re.fullmatch(r"acc_[0-9a-z]{22}", new_id("acc"))


def test_no_two_ids_are_the_same() -> None:
    assert len({new_id("run") for _ in range(10_000)}) == 10_000


def test_later_ids_sort_after_earlier_ones() -> None:
    earlier = new_id("run")
    started = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == started:
        pass
    assert earlier < new_id("run")
