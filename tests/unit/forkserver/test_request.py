"""What a shim sends is what the server hears: arguments, directory, environment and descriptors, whatever they hold."""

import _socket
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkserver import shim
from forkserver.request import Declined, Request, receive

# What the system lets a process have: any bytes but NUL, which Python shows as text with surrogates.
words = st.binary().map(lambda word: os.fsdecode(word.replace(b"\0", b"")))


def exchange(arguments: list[str]) -> Request:
    """Ask as a shim does, of a server that hears and says yes."""
    asking, hearing = socket.socketpair()
    with hearing:
        asker = threading.Thread(target=shim.ask, args=(_socket.socket(fileno=asking.detach()), arguments))
        asker.start()
        request = receive(hearing)
        hearing.sendall(b"!")
        assert hearing.recv(1)
        asker.join()
    return request


@given(arguments=st.lists(words))
def test_arguments_arrive_as_they_are(arguments: list[str]) -> None:
    request = exchange(arguments)
    request.close()

    assert request.arguments == arguments


def test_so_do_directory_environment_and_who_asks() -> None:
    request = exchange(["default_worker.py"])
    request.close()

    assert request.directory == os.fsencode(Path.cwd())
    assert request.environment == dict(os.environb)
    assert request.shim == os.getpid()


def test_a_descriptor_left_open_to_the_worker_arrives_under_its_number(inheritable_pipe: tuple[int, int]) -> None:
    reading, writing = inheritable_pipe
    request = exchange(["default_worker.py"])

    os.write(request.descriptors[writing], b"through")
    request.close()

    assert os.read(reading, 100) == b"through"
    assert reading not in request.descriptors  # it was not inheritable, so the raylet kept it to itself


@pytest.fixture
def inheritable_pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    "sent",
    [b"", b"short", (9).to_bytes(8, "big") + b"cut", (1 << 40).to_bytes(8, "big"), (3).to_bytes(8, "big") + b"x\0y"],
)
def test_what_is_no_request_is_declined(sent: bytes) -> None:
    asking, hearing = socket.socketpair()
    with asking, hearing:
        asking.sendall(sent)
        asking.shutdown(socket.SHUT_WR)

        with pytest.raises(Declined):
            receive(hearing)


def test_a_declined_request_leaves_no_descriptor_behind() -> None:
    asking, hearing = socket.socketpair()
    with asking, hearing:
        before = len(list(Path("/proc/self/fd").iterdir()))
        socket.send_fds(asking, [(3).to_bytes(8, "big")], [0, 1, 2])
        asking.shutdown(socket.SHUT_WR)

        with pytest.raises(Declined):
            receive(hearing)

        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_only_the_same_user_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, hearing = socket.socketpair()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with asking, hearing, pytest.raises(Declined, match=f"user {os.getuid()}"):
        receive(hearing)


def test_a_shim_trusts_only_a_server_of_its_own_user(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, hearing = socket.socketpair()
    monkeypatch.setattr("posix.geteuid", lambda: os.getuid() + 1)
    with hearing, pytest.raises(PermissionError):
        shim.ask(_socket.socket(fileno=asking.detach()), ["default_worker.py"])


def test_a_shim_that_is_declined_knows_it() -> None:
    asking, hearing = socket.socketpair()
    hearing.shutdown(socket.SHUT_WR)
    with hearing, pytest.raises(ConnectionError):
        shim.ask(_socket.socket(fileno=asking.detach()), ["default_worker.py"])


def test_environments_differ_in_names() -> None:
    request = Request(
        arguments=[], directory=b"/", environment={b"SAME": b"1", b"OTHER": b"1", b"MINE": b"1"}, descriptors={}, shim=1
    )

    assert request.differing({b"SAME": b"1", b"OTHER": b"2", b"THEIRS": b"1"}) == {"OTHER", "MINE", "THEIRS"}
