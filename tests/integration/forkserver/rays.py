"""A Ray of our own, in a process of its own, and the means to find all that came from it."""

import json
import os
import secrets
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 60.0
MARK = "FORKSERVER_TEST"
TOKEN = secrets.token_hex(32)
LOCAL = {
    "address": "local",
    "num_cpus": 2,
    "include_dashboard": False,
    "object_store_memory": 80 * 1024 * 1024,
    "_node_ip_address": "127.0.0.2",
}


def environment(mark: str) -> dict[str, str]:
    """Ray's, with a mark by which to find whatever comes from the process that gets it."""
    ray = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "OPENBLAS_NUM_THREADS": "1",
    }
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"} | ray | {MARK: mark}


class Driver:
    """A Ray with all its processes, told what to do from here. `driver.py` is the other end."""

    def __init__(self, *, forked: bool, ray: dict[str, Any], preload: Sequence[str] = ()) -> None:
        self.mark = uuid.uuid4().hex
        options = {"forked": forked, "ray": ray, "preload": preload}
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("driver.py"), json.dumps(options)],
            env=environment(self.mark),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.forked, self.lines = self._answer()

    def __call__(self, command: str, *arguments: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        assert ready, "the driver has not answered"
        line = self._process.stdout.readline()
        assert line, "the driver has failed, as its traceback says"
        answer = json.loads(line)
        assert "is" in answer, answer["failed"]
        return answer["is"]

    def processes(self) -> list[psutil.Process]:
        return marked(self.mark)

    def shut_down(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._process.stdout.close()


def marked(mark: str) -> list[psutil.Process]:
    """All processes that came from the one with this mark, wherever they hang by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:
            continue  # ended meanwhile, or somebody else's
    return found


def await_end(mark: str, patience_s: float = 15.0) -> list[str]:
    """Wait until none is left; what is left all the same, ended now."""
    gone_by = time.monotonic() + patience_s
    while (left := marked(mark)) and time.monotonic() < gone_by:
        time.sleep(0.05)
    for process in left:
        process.kill()
    return [" ".join(process.cmdline()) for process in left]
