"""Runs a fleet for a test, in a process of its own: Ray wants its environment before anybody imports it.

Says on standard output where the fleet is, then answers each line of standard input with a line. Ends with its input.
"""

import asyncio
import json
import os
import sys
from typing import Any

import msgspec

from bench._fleet import running_fleet

ANSWERS = os.fdopen(os.dup(1), "w")
"""The real standard output. Whatever else is said, by whomever, goes where complaints go."""
os.dup2(2, 1)


async def main(changes: dict[str, Any]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with running_fleet(**changes) as fleet:
        say(fleet.address)
        while line := await reader.readline():
            match line.decode().strip():
                case "look":
                    say(await look())
                case other:
                    raise LookupError(other)


async def look() -> dict[str, Any]:
    """Who runs, where, and with which accounts. What is just dead or not there yet is left out."""
    from actors import handles  # noqa: PLC0415  its environment is prepared by then

    hosts, services = {}, {}
    for host in await handles.hosts():
        try:
            async with asyncio.timeout(5):
                report = await host.report()
        except (handles.CallError, TimeoutError):
            continue
        hosts[host.name] = {
            "pid": report.pid,
            "node": report.node,
            "shared": report.shared,
            "accounts": sorted(assignment.account for assignment, _ in report.accounts),
        }
    for name in handles.names():
        service = handles.service(handles.ActorName(name))
        if service is not None and not name.startswith(handles.HOST_PREFIX):
            try:
                async with asyncio.timeout(5):
                    services[name] = await service.pid()
            except (handles.CallError, TimeoutError):
                continue
    status: dict[str, Any] = {}
    supervisor = handles.supervisor()
    if supervisor is not None:
        try:
            async with asyncio.timeout(5):
                status = dict(await supervisor.status())
        except (handles.CallError, TimeoutError):
            pass
    return {"hosts": hosts, "services": services, "status": status}


def say(what: Any) -> None:
    ANSWERS.write(msgspec.json.encode(what).decode() + "\n")
    ANSWERS.flush()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
