"""One PostgreSQL process: how its data directory is made, and how it is started, watched and ended."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from storage.binaries import Binaries, server_user
from storage.errors import LocalDatabaseFailed

SUPERUSER = "tradefleet"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 20
PORT_ATTEMPTS = 3
PR_SET_PDEATHSIG = 1
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def initialise(binaries: Binaries, directory: Path, password_file: Path, *, durable: bool) -> None:
    """Make the data directory if there is none. One that was interrupted half-way was never there."""
    data = directory / "data"
    if data.exists():
        return
    unfinished = directory / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    finished = subprocess.run(  # noqa: S603  (our own programs and paths)
        [
            binaries.programs / "initdb",
            *("--pgdata", unfinished, "--username", SUPERUSER, "--pwfile", password_file),
            *("--auth", "scram-sha-256", "--encoding", "UTF8"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *(() if durable else ("--no-sync",)),
        ],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **_as_server(directory),
    )
    if finished.returncode != 0:
        raise LocalDatabaseFailed(f"initdb failed in {directory}: {_last_line(finished.stdout)}")
    unfinished.rename(data)


def launch(
    binaries: Binaries, directory: Path, *, durable: bool, keep_open: int
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server and wait until it takes connections. Answers the process and its port.

    The caller knows that no other server runs on this directory. The descriptor `keep_open` stays open for as long as
    any process of this server lives.
    """
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "max_locks_per_transaction": "256",  # a query over a hypertable locks each of its chunks
        "jit": "off",
        "timezone": _time_zone(),
        "log_timezone": _time_zone(),
        **(DURABLE if durable else THROW_AWAY),
    }
    if binaries.edition == "timescaledb":
        settings |= {
            "shared_preload_libraries": "timescaledb",
            "timescaledb.telemetry_level": "off",
            # The Apache edition has no background jobs, and a worker would keep a database from being a template.
            "timescaledb.max_background_workers": "0",
        }
    for _ in range(PORT_ATTEMPTS):
        # A killed server's leftover. PostgreSQL would trust it as soon as any process has been given that number.
        (directory / "data/postmaster.pid").unlink(missing_ok=True)
        port = _free_port()
        settings["port"] = str(port)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (directory / "log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [binaries.programs / "postgres", "-D", directory / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: the server is stopped last, not first
                pass_fds=(keep_open,),
                preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509
                **_as_server(directory),
            )
        if _is_ready(process, directory):
            return process, port
        end(process, signal.SIGQUIT)
    raise LocalDatabaseFailed(f"PostgreSQL did not start: {_last_line((directory / 'log').read_text())}")


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def _is_ready(process: subprocess.Popen[bytes], directory: Path) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            status = (directory / "data/postmaster.pid").read_text().splitlines()[7:8]
        except FileNotFoundError:
            status = []
        if status and status[0].strip() == "ready":
            return True
        time.sleep(0.01)
    return False


def _as_server(directory: Path) -> dict[str, Any]:
    """The user and surroundings that the server's programs run with."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(directory), "TZ": _time_zone()}
    surroundings: dict[str, Any] = {"env": environment, "cwd": directory}
    if user := server_user():
        surroundings |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return surroundings


def _dies_with(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_for_the_signal() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_for_the_signal


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _time_zone() -> str:
    # Debian's server reads the machine's time zone files, and small machines have none; GMT it knows by itself.
    return "UTC" if Path("/usr/share/zoneinfo/UTC").exists() else "GMT"


def _last_line(text: str) -> str:
    lines: Sequence[str] = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
