"""The paper exchange: its matching engine beside a heap, its server beside a bare echo, and a thousand listeners."""

import asyncio
import heapq
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from hmac import digest
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

# Run as a script, its own folder would come first, and this file hide the room of the same name.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]

from paper.limits import Limits  # noqa: E402
from paper.matching import Book, Resting  # noqa: E402
from paper.server import PaperExchange  # noqa: E402
from paper.settings import PaperSettings  # noqa: E402

EVENTS = 200_000
CLIENTS = 64
REQUESTS = 12_800
ROUNDS = 7
CALM_S = 2.0
LISTENERS = 1_000
ENDLESS = 10**12
LIMITS = Limits(
    weight_per_minute=ENDLESS,
    raw_requests_per_5_minutes=ENDLESS,
    orders_per_10_s=ENDLESS,
    orders_per_day=ENDLESS,
    sockets_per_5_minutes=ENDLESS,
)


def matching_events_per_s() -> float:
    """A day in a book: new orders, cancellations, and takers, each one event."""
    chance = random.Random(1)
    events: list[tuple[int, Any, Any]] = []
    for number in range(EVENTS):
        dice = chance.random()
        buy = chance.random() < 0.5
        if dice < 0.5:
            price = 100_000 + chance.randrange(1, 60) * (-1 if buy else 1)
            events.append((0, Resting(number, buy, price, chance.randrange(1, 100)), None))
        elif dice < 0.75:
            events.append((1, chance.randrange(number + 1), None))
        else:
            events.append((2, buy, chance.randrange(1, 80)))
    book = Book()
    began = time.perf_counter()
    for kind, what, quantity in events:
        if kind == 0:
            book.rest(what)
        elif kind == 1:
            book.cancel(what)
        else:
            book.match(what, quantity, None)
    return EVENTS / (time.perf_counter() - began)


def heap_events_per_s() -> float:
    """The same objects through a heap, in and out again: the least that keeping them in order costs."""
    chance = random.Random(1)
    entries = [(chance.randrange(1, 60), number, Resting(number, True, 1, 1)) for number in range(EVENTS)]
    heap: list[tuple[int, int, Resting]] = []
    began = time.perf_counter()
    for entry in entries:
        heapq.heappush(heap, entry)
    while heap:
        heapq.heappop(heap)
    return EVENTS / (time.perf_counter() - began)


class Wire(asyncio.Protocol):
    """A client that only writes requests and counts answers, so that the server is what is measured."""

    def __init__(self) -> None:
        self._received = b""
        self._answered: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    async def send(self, request: bytes) -> bytes:
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and self._answered is not None:
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(body) >= length:
                self._received = b""
                self._answered.set_result(head)


def signed(key: dict[str, str], method: str, params: str) -> bytes:
    query = f"{params}&recvWindow=60000&timestamp={time.time_ns() // 1_000_000}"
    signature = digest(key["secret"].encode(), query.encode(), "sha256").hex()
    body = f"{query}&signature={signature}"
    return (
        f"{method} /api/v3/order HTTP/1.1\r\nHost: paper\r\nX-MBX-APIKEY: {key['api_key']}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def orders(key: dict[str, str]) -> Iterator[bytes]:
    """An order that rests, then its cancellation, and so on."""
    for number in range(10**9):
        name = f"bench{number}"
        yield signed(
            key,
            "POST",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=40000"
            f"&newClientOrderId={name}&newOrderRespType=RESULT",
        )
        yield signed(key, "DELETE", f"symbol=BTCUSDT&origClientOrderId={name}")


class Load:
    """Clients of one server, each sending its next request when the last was answered."""

    def __init__(self, wires: list[Wire], requests: list[Iterator[bytes]]) -> None:
        self._wires = wires
        self._requests = requests

    @classmethod
    async def on(cls, port: int, requests: list[Iterator[bytes]]) -> "Load":
        loop = asyncio.get_running_loop()
        return cls([(await loop.create_connection(Wire, "127.0.0.1", port))[1] for _ in requests], requests)

    async def rate(self) -> float:
        """Requests a second with every client busy. They are made beforehand: signing is the client's work."""
        made = [[next(known) for _ in range(REQUESTS // len(self._wires))] for known in self._requests]
        began = time.perf_counter()

        async def hurry(wire: Wire, todo: list[bytes]) -> None:
            for request in todo:
                head = await wire.send(request)
                assert b" 200 " in head, head

        await asyncio.gather(*(hurry(wire, todo) for wire, todo in zip(self._wires, made, strict=True)))
        return sum(map(len, made)) / (time.perf_counter() - began)

    async def p99_ms(self, rate: float) -> float:
        """What all but the slowest hundredth waited, when so many a second are sent, evenly."""
        loop = asyncio.get_running_loop()
        pause, waits = len(self._wires) / rate, []

        async def stroll(wire: Wire, known: Iterator[bytes], phase: float) -> None:
            due = loop.time() + phase * pause
            end = loop.time() + CALM_S
            while due < end:
                request = next(known)
                await asyncio.sleep(max(0.0, due - loop.time()))
                sent = time.perf_counter()
                await wire.send(request)
                waits.append(time.perf_counter() - sent)
                due += pause

        count = len(self._wires)
        await asyncio.gather(*(stroll(wire, self._requests[n], n / count) for n, wire in enumerate(self._wires)))
        return sorted(waits)[len(waits) * 99 // 100] * 1000


async def echo() -> None:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read(), content_type="application/json")

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def exchange(journal: str) -> None:
    settings = PaperSettings(journal=Path(journal), limits=LIMITS, admin_token="bench")
    paper = PaperExchange(settings)
    await paper.start()
    print(paper.port, flush=True)
    await asyncio.Event().wait()


async def serving(*arguments: str) -> tuple[asyncio.subprocess.Process, int]:
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    return process, int(await process.stdout.readline())


async def open_accounts(port: int, count: int) -> list[dict[str, str]]:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer bench"}) as session:
        wish = {"count": count, "balances": {"USDT": "1000000000"}}
        async with session.post(f"http://127.0.0.1:{port}/_paper/accounts", json=wish) as answer:
            accounts: list[dict[str, str]] = (await answer.json())["accounts"]
            return accounts


def pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def listen(port: int, keys: list[dict[str, str]], pid: int) -> dict[str, float]:
    """Every account's user stream open at once, and each hearing of an order."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        sockets = []
        for key in keys:
            socket = await session.ws_connect(f"ws://127.0.0.1:{port}/ws-api/v3")
            stamp = time.time_ns() // 1_000_000
            params: dict[str, Any] = {"apiKey": key["api_key"], "timestamp": stamp}
            query = f"apiKey={key['api_key']}&timestamp={stamp}"
            params["signature"] = digest(key["secret"].encode(), query.encode(), "sha256").hex()
            await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
            assert (await socket.receive_json())["status"] == 200
            sockets.append(socket)
        wire = (await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port))[1]
        for key in keys:
            await wire.send(next(orders(key)))
        await asyncio.gather(*(socket.receive_json() for socket in sockets))
        held_mb = pss_mb(pid)
        await asyncio.gather(*(socket.close() for socket in sockets))
    return {"user_streams": len(keys), "user_streams_mb": round(held_mb, 1), "user_streams_mb_at_most": 1000}


async def main() -> None:
    engine, heap = matching_events_per_s(), heap_events_per_s()
    with tempfile.TemporaryDirectory() as folder:
        echo_server, echo_port = await serving("echo")
        paper_server, paper_port = await serving("exchange", f"{folder}/journal")
        try:
            keys = await open_accounts(paper_port, CLIENTS)
            echoes = await Load.on(echo_port, [orders(key) for key in keys])
            placing = await Load.on(paper_port, [orders(key) for key in keys])
            # In turn, so that whatever else the machine does strikes both.
            rates = [(await echoes.rate(), await placing.rate()) for _ in range(ROUNDS)]
            echo_rate, rate = sorted(rates, key=lambda pair: pair[1] / pair[0])[ROUNDS // 2]
            waits = [(await echoes.p99_ms(rate / 10), await placing.p99_ms(rate / 10)) for _ in range(ROUNDS)]
            echo_p99_ms, p99_ms = sorted(waits, key=lambda pair: pair[1] / pair[0])[ROUNDS // 2]
        finally:
            for process in (echo_server, paper_server):
                process.kill()
                await process.wait()
        listened, port = await serving("exchange", f"{folder}/listeners")
        try:
            heard = await listen(port, await open_accounts(port, LISTENERS), listened.pid)
        finally:
            listened.kill()
            await listened.wait()
    print(
        json.dumps(
            {
                "bench": "paper",
                "matching_events_per_s": round(engine),
                "heap_events_per_s": round(heap),
                "matching_ratio": round(engine / heap, 3),
                "matching_ratio_at_least": 0.3,
                "orders_per_s": round(rate),
                "echoes_per_s": round(echo_rate),
                "orders_ratio": round(rate / echo_rate, 3),
                "orders_ratio_at_least": 0.5,
                "orders_p99_ms": round(p99_ms, 2),
                "echoes_p99_ms": round(echo_p99_ms, 2),
                "p99_ratio": round(p99_ms / echo_p99_ms, 2),
                "p99_ratio_at_most": 3,
                **heard,
                "cpus": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["echo"]:
            asyncio.run(echo())
        case ["exchange", journal]:
            asyncio.run(exchange(journal))
        case _:
            asyncio.run(main())
