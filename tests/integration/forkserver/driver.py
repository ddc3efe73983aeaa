"""Runs a Ray of its own, with forked workers or plain ones, and does with it what it is told, a line each.

A process apart from the tests: Ray reads its environment when it is first imported, and is to be killed.
"""

import asyncio
import concurrent.futures
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

from forkserver import forked_workers

JSON = Any


class Actor:
    """What a user's code may do in a worker."""

    def where(self) -> tuple[int, int]:
        return os.getpid(), os.getppid()

    def chances(self) -> list[str]:
        numpy = sys.modules.get("numpy")
        return [
            str(random.random()),
            str(uuid.uuid4()),
            os.urandom(8).hex(),
            str(numpy.random.rand() if numpy else random.random()),
        ]

    def run_others(self) -> JSON:
        child = subprocess.run([sys.executable, "-c", "import sys; print(sys.prefix)"], capture_output=True, check=True)
        with concurrent.futures.ThreadPoolExecutor() as threads:
            squares = list(threads.map(lambda n: n * n, range(5)))
        with concurrent.futures.ProcessPoolExecutor(1) as processes:
            power = processes.submit(pow, 2, 10).result()
        return [child.stdout.decode().strip() == sys.prefix, squares, power, asyncio.run(asyncio.sleep(0, "slept"))]

    def say(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stderr.write(line)  # no end of line, and yet it must not stay in a buffer

    def modules(self) -> list[str]:
        return list(sys.modules)

    def facts(self) -> JSON:
        """All that may tell a forked worker from a plain one, but for what differs between any two."""
        status = Path("/proc/self/status").read_text().splitlines()
        own = ("RAY_JOB_ID", "RAY_RAYLET_PID", "FORKSERVER_", "PWD")
        return {
            "arguments": [argument.split("=")[0] for argument in sys.argv],
            "working directory": str(Path.cwd()),
            "environment": {name: value for name, value in os.environ.items() if not name.startswith(own)},
            "path": sys.path,
            "flags": str(sys.flags),
            "executable": [sys.executable, sys.prefix],
            "main": sorted(sys.modules["__main__"].__dict__),
            "leads its group": os.getpgid(0) == os.getpid(),
            "session": os.getsid(0) == os.getsid(int(os.environ["RAY_RAYLET_PID"])),
            "nice": os.nice(0),
            "killed when memory runs out": Path("/proc/self/oom_score_adj").read_text(),
            "limits": Path("/proc/self/limits").read_text(),
            "status": [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt", "Umask", "Cpus_a"))],
            "streams": [f"{stream.encoding} {stream.line_buffering}" for stream in (sys.stdout, sys.stderr)],
        }

    def leave(self, how: str) -> None:
        match how:
            case "exit_actor":
                ray.actor.exit_actor()
            case "os._exit":
                os._exit(3)
            case "sys.exit":
                sys.exit(3)
            case "SIGKILL":
                os.kill(os.getpid(), signal.SIGKILL)

    def wait(self) -> None:
        time.sleep(3600)


class AsyncActor:
    async def meet(self) -> list[int]:
        return await asyncio.gather(*(asyncio.sleep(0, number) for number in range(3)))


def double(number: int) -> int:
    return 2 * number


remote = ray.remote(num_cpus=0)(Actor)
actors: list[Any] = []


def start(count: int, restarts: int = 0) -> JSON:
    """New actors in place of those before; the process of each, and its parent."""
    actors[:] = [remote.options(max_restarts=restarts, max_task_retries=restarts).remote() for _ in range(count)]
    return ray.get([actor.where.remote() for actor in actors])


def call(method: str, *arguments: JSON) -> JSON:
    """The answers of the actors that were started last."""
    return ray.get([getattr(actor, method).remote(*arguments) for actor in actors])


def run_tasks(count: int) -> JSON:
    task = ray.remote(double)
    return ray.get([task.remote(number) for number in range(count)])


def run_async_actor() -> JSON:
    return ray.get(ray.remote(num_cpus=0)(AsyncActor).remote().meet.remote())


def end(how: str) -> JSON:
    """End the one actor that was started last; what the caller of its method is told, and how soon."""
    (actor,) = actors
    if how in ("ray.kill", "killed from outside"):
        pid, _ = ray.get(actor.where.remote())
        waiting = actor.wait.remote()
        ray.wait([waiting], timeout=0.1)
        since = time.monotonic()
        ray.kill(actor) if how == "ray.kill" else os.kill(pid, signal.SIGKILL)
    else:
        since = time.monotonic()
        waiting = actor.leave.remote(how)
    try:
        ray.get(waiting, timeout=30)
    except RayActorError as error:
        return [type(error).__name__, time.monotonic() - since]


def raylet() -> int:
    return int(_raylet().pid)


def kill_raylet() -> None:
    _raylet().kill()
    _raylet().wait()  # workers see that it is gone when nobody holds its process any longer, forked or plain


def _raylet() -> Any:
    return ray._private.worker._global_node.all_processes["raylet"][0].process


def logs() -> str:
    return str(ray._private.worker._global_node.get_logs_dir_path())


COMMANDS: dict[str, Callable[..., JSON]] = {
    function.__name__: function
    for function in (start, call, run_tasks, run_async_actor, end, raylet, kill_raylet, logs)
}


def main() -> None:
    options = json.loads(sys.argv[1])
    lines: list[str] = []
    forking = forked_workers(preload=options["preload"], log=lines.append) if options["forked"] else nullcontext(False)
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # Ray prints too
    os.dup2(2, 1)
    with forking as forked:
        ray.init(
            **options["ray"],
            configure_logging=False,
            log_to_driver=False,
        )
    answers.write(json.dumps({"is": [forked, lines]}) + "\n")
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"is": COMMANDS[name](*arguments)}
        except Exception:  # noqa: BLE001 - for the test to say
            answer = {"failed": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
    ray.shutdown()


if __name__ == "__main__":
    main()
