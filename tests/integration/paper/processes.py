"""A paper exchange in a process of its own, that can be killed and started again at the same address."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import aiohttp

ADMIN_TOKEN = "the token of this run"
_SERVE = """
import asyncio, sys
from pathlib import Path
from paper.server import serve
from paper.settings import PaperSettings
port, journal, token = sys.argv[1:]
asyncio.run(serve(PaperSettings(port=int(port), journal=Path(journal), admin_token=token)))
"""


class ExchangeProcess:
    def __init__(self, journal: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.admin_token = ADMIN_TOKEN
        self.rest_url = f"http://127.0.0.1:{self.port}"
        self.stream_url = f"ws://127.0.0.1:{self.port}"
        self._journal = journal
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ("-c", _SERVE, str(self.port), str(self._journal), ADMIN_TOKEN)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        for _ in range(500):
            if await self._answers():
                return
            await asyncio.sleep(0.02)
        raise TimeoutError((await self.end(signal.SIGKILL)).decode())

    async def end(self, number: signal.Signals) -> bytes:
        """Everything it said, once it is gone."""
        process = self._process
        if process is None:
            return b""
        self._process = None
        process.send_signal(number)
        said, _ = await process.communicate()
        return said

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.rest_url}/api/v3/ping") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
