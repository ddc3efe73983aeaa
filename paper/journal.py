"""The journal: every fact, one JSON line each, in a file that only grows.

Group commit: whoever needs what they did to be durable waits for `durable()`; one fsync serves all who came while the
one before it was under way. Killed at any moment, the file holds everything that was acknowledged. Half a line at its
end was never acknowledged, and is dropped at the next start.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import msgspec

from paper.errors import JournalBroken
from paper.facts import Fact


class Journal:
    """Facts on disk, or with no path nowhere: then everything is durable at once, until the process ends."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()
        self._appended = 0
        self._synced = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self.failure: OSError | None = None
        """Why nothing can be made durable any more. Whoever waits is told; nothing is acknowledged on trust."""

    def open(self) -> Iterator[Fact]:
        """Take hold of the file and read what it has. To be read to its end before anything is appended."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise JournalBroken(
                f"{self._path} is in use; end the other paper exchange or choose another file"
            ) from None
        yield from self._read(self._file)

    def _read(self, file: BinaryIO) -> Iterator[Fact]:
        decoder = msgspec.json.Decoder(Fact)
        whole = 0
        with self._path_open() as reader:
            for number, line in enumerate(reader, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    fact = decoder.decode(line)
                except msgspec.DecodeError as problem:
                    raise JournalBroken(
                        f"{self._path}, line {number}: {problem}; restore the file from a copy or begin a new one"
                    ) from None
                yield fact
                whole += len(line)
        file.truncate(whole)
        file.seek(whole)

    def _path_open(self) -> BinaryIO:
        assert self._path is not None
        return self._path.open("rb")

    def start(self) -> None:
        """From here on, facts can be waited for. Needs the running event loop."""
        if self._file is not None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
            self._worker = asyncio.create_task(self._commit(self._file.fileno()), name="journal")

    def append(self, fact: Fact) -> None:
        if self._file is not None:
            self._buffer += self._encoder.encode(fact)
            self._buffer += b"\n"
            self._appended += 1

    def write(self) -> None:
        """Hand everything to the operating system: safe from our death, though not yet from the machine's."""
        if self._buffer and self._file is not None:
            pending = memoryview(bytes(self._buffer))
            self._buffer.clear()
            while pending:
                pending = pending[os.write(self._file.fileno(), pending) :]

    async def durable(self) -> None:
        """Return when all that was appended before this call is on disk."""
        if self._worker is None or self._synced == self._appended:
            return
        if self.failure is not None:
            raise self.failure
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wanted.set()
        await waiter

    async def close(self) -> None:
        if self._worker is not None:
            if self.failure is None:
                await self.durable()
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None
        if self._thread is not None:
            self._thread.shutdown()
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _commit(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            waiting, self._waiting = self._waiting, []
            reached = self._appended
            try:
                self.write()
                await loop.run_in_executor(self._thread, os.fdatasync, descriptor)
            except OSError as problem:
                self.failure = problem
                for waiter in waiting + self._waiting:
                    if not waiter.done():
                        waiter.set_exception(problem)
                return
            self._synced = reached
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)
