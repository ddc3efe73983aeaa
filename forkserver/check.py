"""Tries the whole machinery once, with a probe in a worker's place and a stand-in for the raylet."""

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from forkserver import ray_worker

STAND_IN = Path(__file__).with_name("python")
PROBE = Path(__file__).with_name("probe.py")
ARGUMENTS = ["--two=words and more", "--nothing=", "", "--naïve"]
"""What is easily lost on the way."""
PATIENCE_S = 40.0
"""For the server to import everything on a slow machine."""


class Unfit(Exception):
    """Workers are started plain, for this reason."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    facts: dict[str, object]
    parent: int
    chance: float


def check_machine() -> None:
    """What can be told without trying."""
    if sys.platform != "linux":
        raise Unfit(f"this is {sys.platform}, and forking needs Linux")
    if not os.access(STAND_IN, os.X_OK):
        raise Unfit(f"{STAND_IN} is not executable: install the package anew")
    version = ray_worker.installed_version()
    if version not in ray_worker.TESTED_VERSIONS:
        tested = ", ".join(sorted(ray_worker.TESTED_VERSIONS))
        raise Unfit(f"Ray {version or 'is missing, and it'} was not tested with forked workers, only {tested}")


def check_fork(folder: Path, environment: dict[str, str]) -> None:
    """Fork two processes as a raylet would, and compare them with one started plain."""
    folder.mkdir()
    refused = folder / "refused"
    environment = {**environment, "FORKSERVER_FOLDER": str(folder)}
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as raylet:  # noqa: S607
        environment["RAY_RAYLET_PID"] = str(raylet.pid)
        environment |= dict.fromkeys(ray_worker.PER_WORKER_VARIABLES, "the second's")
        refused.touch()
        plain = _probe(environment)
        refused.unlink()
        # The server starts with the environment of whom it serves first, and the second finds its own all the same.
        first = _probe(environment | dict.fromkeys(ray_worker.PER_WORKER_VARIABLES, "the first's"))
        second = _probe(environment)
        if refused.exists():
            raise Unfit(refused.read_text())
        _compare(plain, first, second)
        server = os.pidfd_open(second.parent)
    # Its raylet has ended with the block.
    with os.fdopen(server) as ended:
        if not select.select([ended], [], [], PATIENCE_S)[0]:
            raise Unfit("the fork server outlived its raylet")


def _compare(plain: Probe, first: Probe, second: Probe) -> None:
    if first.parent == os.getpid() or first.parent != second.parent:
        raise Unfit("the fork server ended before it forked a worker; its imports, run by themselves, would show why")
    if names := [name for name, fact in plain.facts.items() if second.facts[name] != fact]:
        raise Unfit(f"a forked process differs from a plain one in its {', its '.join(names)}")
    if first.chance == second.chance:
        raise Unfit("two forked processes share their random numbers")


def _probe(environment: dict[str, str]) -> Probe:
    reading, writing = os.pipe()
    with os.fdopen(reading) as answer:
        process = subprocess.Popen(  # noqa: S603 - ours
            [STAND_IN, PROBE, str(writing), *ARGUMENTS],
            env=environment,
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # as a raylet does
        )
        os.close(writing)
        with process:
            if not select.select([answer], [], [], PATIENCE_S)[0]:
                process.kill()
                raise Unfit(f"no worker was forked within {PATIENCE_S:g} s")
        try:
            return Probe(**json.load(answer))
        except ValueError:
            raise Unfit("a forked process ended before it could say what it is") from None
