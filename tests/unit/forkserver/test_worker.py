"""A forked process takes the place of the one that asked, and only if that lets it."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forkserver.request import Request
from forkserver.worker import take_over

SCORE = "777"


@pytest.fixture
def shim() -> Iterator[int]:
    """A process that a raylet has started: it leads its group, and goes first when memory runs out."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, process_group=0) as process:
        Path(f"/proc/{process.pid}/oom_score_adj").write_text(SCORE)
        yield process.pid


def forked(request: Request, then: Callable[[], str], word: bytes) -> str:
    """What a forked process has to say that has taken over, given that last word of its shim; nothing if it has not."""
    ours, its = socket.socketpair()
    reading, writing = os.pipe()
    request.descriptors[writing + 20] = writing
    child = os.fork()
    if child == 0:
        try:
            take_over(request, its)
            os.write(writing + 20, then().encode())
        finally:
            os._exit(0)
    os.close(writing)
    its.close()
    with ours, os.fdopen(reading) as answer:
        assert ours.recv(1)
        ours.sendall(word)
        ours.shutdown(socket.SHUT_WR)
        said = answer.read()
    os.waitpid(child, 0)
    return said


def asked(shim: int, descriptors: dict[int, int], directory: str = "/") -> Request:
    return Request(arguments=[], directory=directory.encode(), environment={}, descriptors=descriptors, shim=shim)


def test_it_leads_a_group_where_its_shim_did(shim: int) -> None:
    assert forked(asked(shim, {}), lambda: str(os.getpgid(0) == os.getpid()), b"!") == "True"


def test_it_joins_the_group_of_a_shim_that_leads_none() -> None:
    group = os.getpgid(0)

    assert forked(asked(os.getpid(), {}), lambda: str(os.getpgid(0)), b"!") == str(group)


def test_it_is_in_the_shim_s_directory(shim: int, tmp_path: Path) -> None:
    assert forked(asked(shim, {}, str(tmp_path)), os.getcwd, b"!") == str(tmp_path)


def test_it_is_killed_as_readily_when_memory_runs_out(shim: int) -> None:
    def score() -> str:
        return Path("/proc/self/oom_score_adj").read_text().strip()

    assert forked(asked(shim, {}), score, b"!") == SCORE


def test_it_has_the_shim_s_descriptors_and_no_others_even_where_numbers_cross(shim: int, tmp_path: Path) -> None:
    one, other = (os.open(tmp_path / name, os.O_CREAT | os.O_RDWR) for name in ("one", "other"))

    def names() -> str:
        links = {number: Path(f"/proc/self/fd/{number}") for number in (0, 1, 2, one, other)}
        return " ".join(f"{number}={link.readlink().name}" for number, link in links.items() if os.path.lexists(link))

    said = forked(asked(shim, {one: other, other: one}), names, b"!")
    os.close(one)
    os.close(other)

    assert said == f"{one}=other {other}=one"


def test_without_the_shim_s_last_word_it_goes_without_a_trace(shim: int) -> None:
    assert forked(asked(shim, {}), lambda: "here", b"") == ""
