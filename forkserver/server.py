"""The fork server of one raylet: imports once what every worker needs, and forks a worker whenever a shim asks.

A fork copies one thread, every lock as it stands, and every descriptor. So the server forks only while it has exactly
one thread, and refuses for good where an import has started another or left something open. It ends with its raylet.
Killed, it is missed by nobody: its workers do not depend on it, and the next shim starts another.
"""

import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import NoReturn

from forkserver import ray_worker, shim
from forkserver.request import Declined, Request, receive
from forkserver.worker import run, take_over

PATIENCE_S = 5.0
"""For a shim to finish its sentence; the others wait meanwhile."""


class Refused(Exception):
    """No worker may be forked from this process."""


def main() -> None:
    """Serve as `forkserver.shim` has started it. Returns in forked workers only, when their work is over."""
    gc.disable()
    folder, raylet = Path(os.environ["FORKSERVER_FOLDER"]), int(os.environ["RAY_RAYLET_PID"])
    script = ray_worker.worker_script()
    sys.path[0] = str(script.parent)
    try:
        server = Server(socket.socket(fileno=shim.LISTENER), raylet)
        code = server.prepare(script, os.environ["FORKSERVER_PRELOAD"].split())
        asked = server.serve()
    except Exception as error:  # noqa: BLE001 - whatever an import may raise, the answer is plain workers
        reason = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
        (folder / "refused").write_text(reason)
        _say(f"{reason}; workers are started plain from now on")
        _leave(folder, raylet)
    if asked is None:
        _leave(folder, raylet)
    request, connection = asked
    try:
        take_over(request, connection)
    except OSError as error:
        _say(f"a worker was given up: {error}")  # its shim reads the end of the stream, if it is still there
        os._exit(1)
    run(request, code if request.arguments[0] == str(script) else None)


class Server:
    """Answers shims until the raylet has ended, with a worker for each whose environment is the server's own."""

    def __init__(self, listener: socket.socket, raylet: int) -> None:
        self._listener = listener
        self._raylet = raylet
        self._raylet_ended = os.pidfd_open(raylet)
        self._environment = dict(os.environb)

    def prepare(self, script: Path, preload: Iterable[str]) -> CodeType:
        """Import what workers will; the worker's own script, compiled."""
        for name in (*ray_worker.IMPORTS, *preload):
            importlib.import_module(name)
            self._check(f"importing {name}")
        code = compile(script.read_bytes(), str(script), "exec", dont_inherit=True)
        gc.collect()
        gc.freeze()  # the collector would otherwise write into every page that is shared
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers that end leave no zombie
        return code

    def serve(self) -> tuple[Request, socket.socket] | None:
        """Return None in the server, when the raylet has ended; in each forked worker, what its shim asks for."""
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        waiting.register(self._raylet_ended, select.POLLIN)
        while True:
            if self._raylet_ended in dict(waiting.poll()):
                return None
            self._check("waiting")
            connection, _ = self._listener.accept()
            with connection:
                try:
                    request = self._hear(connection)
                    forked = os.fork() == 0
                except (Declined, OSError) as error:
                    _say(f"a worker is started plain: {error}")
                    continue
                if forked:
                    self._listener.detach()  # its number will be another's, and must not be closed with this object
                    return request, connection.dup()
                request.close()

    def _hear(self, connection: socket.socket) -> Request:
        connection.settimeout(PATIENCE_S)
        request = receive(connection)
        if names := request.differing(self._environment) - ray_worker.PER_WORKER_VARIABLES:
            request.close()
            raise Declined(f"its environment differs from the fork server's in {', '.join(sorted(names))}")
        connection.settimeout(None)
        return request

    def _check(self, doing: str) -> None:
        if (threads := sum(1 for _ in Path("/proc/self/task").iterdir())) != 1:
            raise Refused(f"{doing} has left the fork server with {threads} threads, and only one survives a fork")
        known = {0, 1, 2, self._listener.fileno(), self._raylet_ended}
        if opened := [where for descriptor, where in _open_descriptors() if descriptor not in known]:
            raise Refused(f"{doing} has left {', '.join(opened)} open, which workers cannot share")
        if os.getppid() == self._raylet:
            raise Refused("the raylet adopts orphans (its subreaper option) and would kill the fork server as one")


def _open_descriptors() -> Iterable[tuple[int, str]]:
    for link in Path("/proc/self/fd").iterdir():
        try:
            yield int(link.name), str(link.readlink())
        except FileNotFoundError:
            continue  # that of the listing itself


def _leave(folder: Path, raylet: int) -> NoReturn:
    """End without what the imports have registered for a worker's end."""
    (folder / str(raylet)).unlink(missing_ok=True)
    (folder / f"{raylet}.lock").unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()  # not while it is in use: it says why workers are plain, or serves another raylet
    os._exit(0)


def _say(line: str) -> None:
    """To where the raylet writes its own errors."""
    print(f"forkserver: {line}", file=sys.stderr, flush=True)  # noqa: T201
