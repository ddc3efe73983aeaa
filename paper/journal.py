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

_MOVED = b'{"type":"moved"'
_MOVES_MAX = 20_000


class Journal:
    """Facts on disk, or with no path nowhere: then everything is durable at once, until the process ends."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()
        self._decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)
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
        self._file = _hold(self._path)
        whole = moves = 0
        with self._path.open("rb") as reader:
            for number, line in enumerate(reader, 1):
                if not line.endswith(b"\n"):
                    break
                yield self._read(line, number)
                whole += len(line)
                moves += line.startswith(_MOVED)
        self._file.truncate(whole)
        if moves > _MOVES_MAX:
            self._thin_out()
        self._file.seek(0, os.SEEK_END)

    def _read(self, line: bytes, number: int) -> Fact:
        try:
            return self._decoder.decode(line)
        except msgspec.DecodeError as problem:
            raise JournalBroken(
                f"{self._path}, line {number}: {problem}; restore the file from a copy or begin a new one"
            ) from None

    def _thin_out(self) -> None:
        """Leave out where the market once was: several lines a second, of which only the newest is of use.

        The thinner file takes the old one's place at once and as a whole, and is held before it does.
        """
        assert self._path is not None
        path = self._path.with_name(self._path.name + ".new")
        path.unlink(missing_ok=True)
        thinner = _hold(path)
        newest: list[bytes] = []
        with self._path.open("rb") as reader, path.open("wb") as writer:
            for line in reader:
                if not line.startswith(_MOVED):
                    writer.write(line)
                else:
                    # The newest of all, and the newest with the feed's memory in it: a restart begins from both.
                    newest = [line] if b'"feed":' in line or not newest else [newest[0], line]
            writer.writelines(newest)
            writer.flush()
            os.fsync(writer.fileno())
        path.replace(self._path)
        if self._file is not None:
            self._file.close()
        self._file = thinner

    def start(self) -> None:
        """From here on, facts can be waited for. Needs the running event loop."""
        if self._file is not None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
            self._worker = asyncio.create_task(self._commit(self._file.fileno()), name="journal")

    def append(self, fact: Fact) -> None:
        if self._file is not None:
            self._encoder.encode_into(fact, self._buffer, -1)
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


def _hold(path: Path) -> BinaryIO:
    """Open a file that only its owner may read, and that nobody else may hold at the same time."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise JournalBroken(f"{path} is in use; end the other paper exchange or choose another file") from None
    return file
