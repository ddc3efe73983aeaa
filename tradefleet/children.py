"""Processes of our own beside this one: started, watched, started again, and never left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

STOP_TIMEOUT_S = 10.0
RESTART_PAUSE_S = 0.5
READY_TIMEOUT_S = 30.0
READY_INTERVAL_S = 0.05
PR_SET_PDEATHSIG = 1

log = structlog.get_logger()


class ChildFailed(Exception):
    """A process that we need ended before it was ready."""


class Child:
    """One `tradefleet` command in a process of its own. Ends with this process, also when that is killed."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path) -> None:
        self.name = name
        self.restarts = 0
        self._arguments = arguments
        self._environment = environment
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Returns once the process is ready; from then on it is started again whenever it ends."""
        await self._spawn()
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not await is_ready():
                    if self._process is not None and self._process.returncode is not None:
                        raise ChildFailed(f"{self.name} ended at once: {self._last_words()}")
                    await asyncio.sleep(READY_INTERVAL_S)
        except TimeoutError:
            raise ChildFailed(f"{self.name} was not ready within {READY_TIMEOUT_S:g} s; see {self._log_file}") from None
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            status = await self._process.wait()
            self.restarts += 1
            log.warning("process ended, starting it again", process=self.name, status=status)
            await asyncio.sleep(RESTART_PAUSE_S)
            await self._spawn()

    async def _spawn(self) -> None:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tradefleet",
                *self._arguments,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A session of its own: Ctrl-C reaches us alone, and we end things in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def _last_words(self) -> str:
        lines = self._log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it said nothing; see {self._log_file}"


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
