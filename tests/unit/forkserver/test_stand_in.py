"""What stands in Python's place passes on what it is called with, and asks for a worker only where one is wanted."""

import subprocess
from pathlib import Path

import pytest

from forkserver.check import STAND_IN

WORKER = "/some/where/ray/_private/workers/default_worker.py"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Says what it was called with, a line each."""
    script = tmp_path / "python with a space"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    script.chmod(0o755)
    return script


def called_with(python: Path, *arguments: str) -> list[str]:
    environment = {"FORKSERVER_PYTHON": str(python), "FORKSERVER_FOLDER": str(python.parent), "RAY_RAYLET_PID": "1"}
    done = subprocess.run([STAND_IN, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def test_a_worker_is_asked_for(python: Path) -> None:
    assert called_with(python, WORKER, "--id=1", "") == [
        "-I",
        "-S",
        str(STAND_IN.with_name("shim.py")),
        WORKER,
        "--id=1",
        "",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-u", "/some/where/ray/dashboard/agent.py", "--two words"],
        ["/some/where/setup_worker.py", "--serialized-runtime-env-context={}", WORKER],
        ["-s", WORKER],
        ["-c", "print()"],
    ],
    ids=["agent", "worker with a runtime environment", "worker with an option of Python", "code"],
)
def test_all_else_is_real_python(python: Path, arguments: list[str]) -> None:
    assert called_with(python, *arguments) == arguments


def test_so_is_a_worker_once_the_server_has_refused(python: Path) -> None:
    (python.parent / "refused").touch()

    assert called_with(python, WORKER, "--id=1") == [WORKER, "--id=1"]
