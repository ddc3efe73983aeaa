"""A demo in a process of its own, as a person starts it, and the means to look inside and to do it harm."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from sqlalchemy import text

from storage.database import Database, Role
from tradefleet.customers import PaperAdmin

READY_TIMEOUT_S = 150
END_TIMEOUT_S = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class DemoProcess:
    """Ends with the block that started it, and never leaves anything behind: `leftovers` says if the demo did."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self.directory = directory
        self.cache = cache
        self.api_port = free_port()
        self.paper_port = free_port()
        self._errors = directory / "stderr"
        self._output = directory / "stdout"
        self._environment = {
            "TRADEFLEET_DATA_DIR": str(directory),
            "TRADEFLEET_CACHE_DIR": str(cache),
            "TRADEFLEET_API_PORT": str(self.api_port),
            "TRADEFLEET_PAPER_PORT": str(self.paper_port),
            "CI": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: set[psutil.Process] = set()

    def rename_output(self, name: str) -> None:
        """Keep what it says apart from what another demo on the same directory says."""
        self._errors = self.directory / f"{name}-stderr"
        self._output = self.directory / f"{name}-stdout"

    def set(self, **variables: str) -> None:
        self._environment.update(variables)

    def start(self, *arguments: str) -> None:
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tradefleet", "demo", "--json", *arguments],
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._errors.read_text()

    @property
    def result(self) -> dict[str, Any]:
        """The last line of what it printed."""
        found: dict[str, Any] = msgspec.json.decode(self._output.read_bytes().splitlines()[-1])
        return found

    async def until_ready(self) -> None:
        process = self._running()
        await until(lambda: "Ready in" in self.said or process.poll() is not None, READY_TIMEOUT_S, self._explain)
        assert process.poll() is None, self._explain()

    async def until_ended(self) -> int:
        """Its exit status."""
        process = self._running()
        await until(lambda: process.poll() is not None, END_TIMEOUT_S, self._explain)
        status: int = process.returncode
        return status

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._running().send_signal(signal.SIGINT)

    def kill(self, name: str) -> int:
        """SIGKILL to the one descendant whose command line begins or ends with that name. Answers its process id."""
        found = [process for process in self.descendants() if name in _title(process)]
        assert found, f"the demo has no process called {name}"
        found[0].kill()
        return found[0].pid

    def descendants(self) -> list[psutil.Process]:
        """All of its processes: those below it, and those that bear its mark below another parent."""
        children = psutil.Process(self._running().pid).children(recursive=True)
        marked = [process for process in psutil.process_iter() if self._is_marked(process)]
        found = [process for process in {*children, *marked} if process.pid != self._running().pid]
        self._seen.update(found)
        return found

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("TRADEFLEET_DATA_DIR") == str(self.directory)
        except psutil.Error:
            return False

    def leftovers(self) -> list[str]:
        """What of everything that was ever seen below the demo still lives."""
        return [_title(process) for process in self._seen if _is_alive(process)]

    def end(self) -> None:
        """Whatever the test did, nothing of the demo survives it."""
        if self._process is not None and self._process.poll() is None:
            self.descendants()
            self._process.kill()
            self._process.wait()
            psutil.wait_procs([process for process in self._seen if _is_alive(process)], timeout=5)
        for process in self._seen:
            if _is_alive(process):
                process.kill()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def paper(self) -> PaperAdmin:
        token = (self.directory / "demo" / "paper-admin-token").read_text()
        return PaperAdmin(f"http://127.0.0.1:{self.paper_port}", token)

    @property
    def database_url(self) -> str:
        return (self.directory / "demo" / "database-url").read_text()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        database = Database(self.database_url, Role.FLEET)
        try:
            yield database
        finally:
            await database.close()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _explain(self) -> str:
        return f"the demo said:\n{self.said}"


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def demo(cache_directory: Path) -> Iterator[DemoProcess]:
    # Not pytest's own folder: run by root, the database server is `nobody`, who may not look into that.
    directory = Path(tempfile.mkdtemp(prefix="tradefleet-"))
    directory.chmod(0o755)
    process = DemoProcess(directory, cache_directory)
    yield process
    process.end()
    shutil.rmtree(directory)


async def until(is_so: Any, timeout_s: float, explain: Any = str) -> None:
    """Wait for something that another process does. Takes a plain or an async condition."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = is_so()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s. {explain()}"
        await asyncio.sleep(0.05)


async def venue_trades(paper: PaperAdmin) -> set[tuple[str, str, str]]:
    """Every trade by the venue's own account: market, trade id, and the client order id that it was for."""
    return {(trade["symbol"], str(trade["id"]), trade["clientOrderId"]) for trade in await paper.trades()}


async def recorded_fills(database: Database) -> list[tuple[str, str, str]]:
    async with database.transaction() as tx:
        rows = await tx.execute(text("SELECT replace(symbol, '/', ''), trade_id, client_order_id FROM fills"))
        return [(symbol, trade, client) for symbol, trade, client in rows]
