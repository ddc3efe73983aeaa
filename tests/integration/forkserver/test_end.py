"""A fork server and its workers end with their raylet, however that ends."""

import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.integration.forkserver.rays import PATIENCE_S, Driver, await_end, environment

pytestmark = pytest.mark.slow


def server_and_workers(driver: Driver) -> tuple[psutil.Process, list[psutil.Process]]:
    workers = driver("start", 3)
    (server,) = {parent for _, parent in workers}
    return psutil.Process(server), [psutil.Process(pid) for pid, _ in workers]


def test_a_shutdown_leaves_nothing(start_driver: Callable[..., Driver]) -> None:
    driver = start_driver(forked=True)
    server, _ = server_and_workers(driver)
    folder = Path(server.environ()["FORKSERVER_FOLDER"])
    driver.shut_down()

    assert await_end(driver.mark) == []
    assert not folder.exists()


def test_a_killed_raylet_leaves_neither_server_nor_workers(start_driver: Callable[..., Driver]) -> None:
    driver = start_driver(forked=True)
    server, workers = server_and_workers(driver)
    driver("kill_raylet")
    _, alive = psutil.wait_procs([server, *workers], PATIENCE_S)

    assert not alive


def test_a_node_started_by_command_forks_its_workers_and_leaves_nothing(
    start_driver: Callable[..., Driver], short_directory: Path
) -> None:
    with socket.create_server(("127.0.0.2", 0)) as free:
        port = free.getsockname()[1]
    mark = uuid.uuid4().hex
    command = f"-m forkserver --preload=msgspec,nturl2path start --head --block --port={port} --num-cpus=2"
    where = ["--node-ip-address=127.0.0.2", "--include-dashboard=false", f"--temp-dir={short_directory}"]
    memory = f"--object-store-memory={80 * 1024 * 1024}"
    node = subprocess.Popen(
        [sys.executable, *command.split(), *where, memory],
        env=environment(mark),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert node.stdout is not None
    for line in node.stdout:
        if "--block" in line:
            break  # it is up, and says what the option means
    driver = start_driver(forked=False, ray={"address": f"127.0.0.2:{port}"})
    server, _ = server_and_workers(driver)

    assert "forkserver.server" in " ".join(server.cmdline())
    assert "nturl2path" in driver("call", "modules")[0]

    driver.shut_down()
    node.terminate()
    node.wait(PATIENCE_S)
    node.stdout.close()
    assert await_end(mark) == []
