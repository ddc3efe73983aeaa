"""A fleet in a process of its own, the means to look inside it, and to do it harm."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench._fleet import MARK, Fleet, FleetAddress
from tests.demo_process import until

READY_TIMEOUT_S = 120
END_TIMEOUT_S = 60
LINE_BYTES_MAX = 1 << 24


class HostSeen(msgspec.Struct, frozen=True):
    pid: int
    node: str
    shared: bool
    accounts: tuple[str, ...]


class Seen(msgspec.Struct, frozen=True):
    hosts: Mapping[str, HostSeen]
    services: Mapping[str, int]
    """The process of each named actor that is no host."""
    status: Mapping[str, Any]
    """As the supervisor itself says."""

    @property
    def placed(self) -> list[str]:
        return sorted(account for host in self.hosts.values() for account in host.accounts)

    def host_of(self, account: str) -> HostSeen:
        return next(host for host in self.hosts.values() if account in host.accounts)


class FleetProcess:
    def __init__(self, process: asyncio.subprocess.Process, fleet: Fleet, errors: Path) -> None:
        self.fleet = fleet
        self._process = process
        self._errors = errors
        self._asking = asyncio.Lock()

    @property
    def said(self) -> str:
        return _text(self._errors)

    async def look(self) -> Seen:
        async with self._asking:
            assert self._process.stdin is not None
            self._process.stdin.write(b"look\n")
            return msgspec.json.decode(await _line(self._process), type=Seen)

    async def run(self, count: int, isolation: str = "shared", **add: Any) -> list[str]:
        """Accounts that trade when this returns."""
        accounts = await self.fleet.add_accounts(count, isolation, **add)
        await self.fleet.want(accounts, "running")
        await self.fleet.until(accounts, "running", 60)
        return accounts

    def processes(self, name: str = "") -> list[psutil.Process]:
        """Those of this fleet that are called so, wherever they hang in the tree of processes."""
        return [process for process in psutil.process_iter() if _is_of(process, name, str(self._process.pid))]


@asynccontextmanager
async def fleet_process(cache: Path, **changes: Any) -> AsyncIterator[FleetProcess]:
    """`changes`: of the settings. Whatever the test did, nothing of it survives the block."""
    with tempfile.NamedTemporaryFile(prefix="tradefleet-", suffix=".err") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.fleet_driver"),
            json.dumps(changes),
            env={**os.environ, "TRADEFLEET_CACHE_DIR": str(cache)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=Path(__file__).parent.parent,
            limit=LINE_BYTES_MAX,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                address = msgspec.json.decode(await _line(process), type=FleetAddress)
            fleet = Fleet(address)
            try:
                yield FleetProcess(process, fleet, Path(errors.name))
            finally:
                await fleet.database.close()
        except BaseException:
            sys.stderr.write(_text(errors.name))
            raise
        finally:
            await _end(process)


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise EOFError("the fleet's process has ended")
    return line


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
    left = [each for each in psutil.process_iter() if _is_of(each, "", str(process.pid))]
    _, alive = psutil.wait_procs(left, timeout=10)
    for each in alive:
        each.kill()


def _text(path: str | Path) -> str:
    return Path(path).read_text()


def _is_of(process: psutil.Process, name: str, mark: str) -> bool:
    try:
        return name in " ".join(process.cmdline()) and process.environ().get(MARK) == mark
    except psutil.Error:
        return False


async def settled(fleet: FleetProcess, accounts: Collection[str]) -> Seen:
    """What is seen once each of these is in one host and no other is."""
    seen = await fleet.look()

    async def are_placed() -> bool:
        nonlocal seen
        seen = await fleet.look()
        return seen.placed == sorted(accounts)

    await until(are_placed, 60)
    return seen
