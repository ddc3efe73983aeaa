"""Commands as an operator meets them: processes of their own on a real database, real ports, real signals."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from storage.database import parse_url
from storage.migrate import newest

pytestmark = pytest.mark.slow

KEYS = "k1:" + base64.b64encode(b"0123456789abcdef" * 2).decode()
PASSWORD = "correct horse battery staple"
READY_TIMEOUT_S = 30

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRADEFLEET_")}
    return {**kept, "TRADEFLEET_DATA_DIR": str(tmp_path / "data"), "TRADEFLEET_MASTER_KEYS": KEYS}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    def run(*words: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        given = {f"TRADEFLEET_{name}": value for name, value in variables.items()}
        command = [sys.executable, "-m", "tradefleet", *words]
        return subprocess.run(
            command, env=environment | given, cwd=tmp_path, input=typed, text=True, capture_output=True, check=False
        )

    return run


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **variables: str) -> subprocess.Popen[str]:
        given = {f"TRADEFLEET_{name}": value for name, value in variables.items()}
        command = [sys.executable, "-m", "tradefleet", *words]
        process = subprocess.Popen(command, env=environment | given, cwd=tmp_path, text=True, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


def wait_until_it_answers(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                assert answer.status == 200
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    pytest.fail(f"no answer from {url}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=READY_TIMEOUT_S)
    return process.returncode, errors


def test_migrate_makes_the_schema_and_is_safe_to_repeat(run: Run, empty_database_url: str) -> None:
    for _ in range(2):
        done = run("migrate", DATABASE_URL=empty_database_url)
        assert (done.returncode, done.stdout) == (0, f"The database is at revision {newest()}.\n")


def test_a_user_is_created_with_a_password_from_standard_input(run: Run, database_url: str) -> None:
    words = ("user", "create", "Ada@Example.org", "--role", "admin", "--password-file", "-")
    first = run(*words, typed=PASSWORD + "\n", DATABASE_URL=database_url)

    assert (first.returncode, first.stderr) == (0, "")
    with psycopg.connect(parse_url(database_url).set(drivername="postgresql").render_as_string(False)) as connection:
        rows = connection.execute("SELECT id, email, role FROM users").fetchall()
    assert [row[1:] for row in rows] == [("ada@example.org", "admin")]
    assert rows[0][0] in first.stdout
    assert PASSWORD not in first.stdout

    second = run(*words, typed=PASSWORD + "\n", DATABASE_URL=database_url)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == "tradefleet: Ada@Example.org is taken by another user\n"


def test_a_password_that_is_too_short_is_refused(run: Run, database_url: str) -> None:
    done = run("user", "create", "ada@example.org", "--password-file", "-", typed="short", DATABASE_URL=database_url)

    assert (done.returncode, done.stderr) == (1, "tradefleet: a password has 12 to 256 characters\n")


def test_the_doctor_ticks_a_migrated_database_and_crosses_an_empty_one(
    run: Run, database_url: str, empty_database_url: str
) -> None:
    well = run("doctor", DATABASE_URL=database_url, API_PORT="0", PAPER_PORT="0")
    assert (well.returncode, well.stderr) == (0, "")
    assert f"revision {newest()}" in well.stdout
    assert "✗" not in well.stdout

    ill = run("doctor", DATABASE_URL=empty_database_url, API_PORT="0", PAPER_PORT="0")
    assert ill.returncode == 1
    assert "tradefleet migrate" in ill.stdout


def test_the_api_serves_until_it_is_told_to_stop(start: Start, database_url: str, port: int) -> None:
    process = start("api", DATABASE_URL=database_url, API_PORT=str(port))
    wait_until_it_answers(process, f"http://127.0.0.1:{port}/ready")

    process.send_signal(signal.SIGTERM)
    status, errors = ended(process)
    assert status == 0
    assert "Traceback" not in errors
    assert '"listening"' in errors


def test_the_api_refuses_a_database_that_is_not_migrated(run: Run, empty_database_url: str) -> None:
    done = run("api", DATABASE_URL=empty_database_url, API_PORT="0")

    assert done.returncode == 1
    assert done.stderr == (
        "tradefleet: the database's schema is not the one that this version needs: tradefleet migrate\n"
    )


def test_the_api_refuses_to_run_on_a_database_of_its_own(run: Run) -> None:
    done = run("api", API_PORT="0")

    assert done.returncode == 2
    assert done.stderr.startswith("tradefleet: TRADEFLEET_DATABASE_URL is not set")


def test_a_taken_port_is_one_sentence(run: Run, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        api = run("api", DATABASE_URL=database_url, API_PORT=number)
        paper = run("paper", PAPER_PORT=number)

    assert (api.returncode, paper.returncode) == (2, 1)
    for done in (api, paper):
        assert number in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_paper_exchange_serves_until_ctrl_c_and_keeps_its_journal(start: Start, tmp_path: Path, port: int) -> None:
    journal = tmp_path / "journal"
    process = start("paper", "--journal", str(journal), PAPER_PORT=str(port))
    wait_until_it_answers(process, f"http://127.0.0.1:{port}/api/v3/ping")

    process.send_signal(signal.SIGINT)
    status, errors = ended(process)
    assert (status, errors) == (0, "")
    assert journal.stat().st_size > 0


def test_two_paper_exchanges_do_not_share_a_journal(run: Run, start: Start, port: int) -> None:
    process = start("paper", PAPER_PORT=str(port))
    wait_until_it_answers(process, f"http://127.0.0.1:{port}/api/v3/ping")

    second = run("paper", PAPER_PORT="0")
    assert second.returncode == 1
    assert "is in use" in second.stderr
    assert len(second.stderr.splitlines()) == 1
