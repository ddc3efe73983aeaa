"""The private server, as the demo and the tests run it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from storage import binaries
from storage.binaries import Edition
from storage.database import parse_url
from storage.errors import LocalDatabaseFailed
from storage.local import LocalDatabase

pytestmark = pytest.mark.slow

BOTH_EDITIONS = pytest.mark.parametrize("edition", ["timescaledb", "plain"])
# Another process that keeps a server, and says where it is.
KEEPER = """
import sys, time
from pathlib import Path
from storage.local import LocalDatabase
print(LocalDatabase(Path(sys.argv[1]), edition=sys.argv[2], cache=Path(sys.argv[3])).start(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def directory(cache_directory: Path) -> Iterator[Path]:
    """Somewhere that the server may enter, also as `nobody`, to whom pytest's own folders are closed."""
    cache = binaries.cache_for_server(cache_directory)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as home:
        Path(home).chmod(0o755)
        yield Path(home) / "ada's data"


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


def write_a_note(url: str) -> None:
    with connect(url) as connection:
        connection.execute("CREATE TABLE notes (word text)")
        connection.execute("INSERT INTO notes VALUES ('kept')")


def read_the_note(url: str) -> object:
    with connect(url) as connection:
        return connection.execute("SELECT word FROM notes").fetchall()


def setting(url: str, name: str) -> object:
    with connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        assert row is not None
        return row[0]


def servers_on(directory: Path) -> list[psutil.Process]:
    """The server's first process. Others of it have other names, save for a moment after they began."""
    everything = psutil.process_iter(["cmdline", "ppid"])
    ours = [each for each in everything if str(directory / "data") in (each.info["cmdline"] or ())]
    numbers = {each.pid for each in ours}
    return [each for each in ours if each.info["ppid"] not in numbers]


@BOTH_EDITIONS
def test_what_was_written_is_there_after_a_restart(directory: Path, cache_directory: Path, edition: Edition) -> None:
    with LocalDatabase(directory, edition=edition, cache=cache_directory) as local:
        write_a_note(local.url)
        assert setting(local.url, "fsync") == "on"
        assert local.description.startswith("TimescaleDB" if edition == "timescaledb" else "PostgreSQL")
    assert servers_on(directory) == []
    # The edition is the data's: it need not be named again.
    with LocalDatabase(directory, cache=cache_directory) as local:
        assert read_the_note(local.url) == [("kept",)]


@BOTH_EDITIONS
def test_a_killed_owner_takes_the_server_along_and_the_next_one_recovers(
    directory: Path, cache_directory: Path, edition: Edition
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(directory), edition, str(cache_directory)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    write_a_note(owner.stdout.readline().strip())
    owner.kill()
    owner.wait()
    # At once, while the old server may still be going down.
    with LocalDatabase(directory, cache=cache_directory) as local:
        assert read_the_note(local.url) == [("kept",)]
        assert len(servers_on(directory)) == 1
    owner.stdout.close()


def test_a_killed_server_recovers_and_its_leftover_pid_file_is_no_obstacle(
    directory: Path, cache_directory: Path
) -> None:
    with LocalDatabase(directory, edition="plain", cache=cache_directory) as local:
        write_a_note(local.url)
        (server,) = servers_on(directory)
        server.send_signal(signal.SIGKILL)
    pid_file = directory / "data/postmaster.pid"
    # The number was given to somebody else meanwhile: PostgreSQL by itself would refuse to start.
    pid_file.write_text("\n".join([str(os.getppid()), *pid_file.read_text().splitlines()[1:]]))
    with LocalDatabase(directory, cache=cache_directory) as local:
        assert read_the_note(local.url) == [("kept",)]


def test_a_second_server_on_the_same_data_is_refused_in_one_sentence(directory: Path, cache_directory: Path) -> None:
    with LocalDatabase(directory, edition="plain", cache=cache_directory) as first:
        with pytest.raises(LocalDatabaseFailed, match=rf"is in use by process {os.getpid()}: stop that first"):
            LocalDatabase(directory, edition="plain", cache=cache_directory).start()
        assert setting(first.url, "fsync") == "on"


def test_data_of_another_edition_is_left_alone(directory: Path, cache_directory: Path) -> None:
    with LocalDatabase(directory, edition="plain", cache=cache_directory):
        pass
    with pytest.raises(LocalDatabaseFailed, match=r"written by PostgreSQL \d+ \(plain\).*delete this one"):
        LocalDatabase(directory, edition="timescaledb", cache=cache_directory).start()


def test_a_making_that_was_interrupted_begins_anew(directory: Path, cache_directory: Path) -> None:
    unfinished = directory / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("12")
    with LocalDatabase(directory, edition="plain", cache=cache_directory) as local:
        assert setting(local.url, "data_directory") == str(directory / "data")


def test_only_this_machine_is_listened_to_and_only_with_the_password(directory: Path, cache_directory: Path) -> None:
    with LocalDatabase(directory, edition="plain", cache=cache_directory) as local:
        assert setting(local.url, "listen_addresses") == "127.0.0.1"
        stranger = parse_url(local.url).set(password="guess").render_as_string(hide_password=False)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(stranger)
        assert (directory / "password").stat().st_mode & 0o077 == 0
        assert directory.stat().st_mode & 0o077 == 0


def test_a_throw_away_syncs_nothing_and_leaves_nothing(cache_directory: Path) -> None:
    local = LocalDatabase(None, edition="plain", cache=cache_directory)
    url = local.start()
    directory = Path(str(setting(url, "data_directory"))).parent
    assert setting(url, "fsync") == "off"
    local.stop()
    local.stop()
    assert not directory.exists()
    assert servers_on(directory) == []


def test_leftovers_of_killed_throw_aways_are_swept_up(cache_directory: Path) -> None:
    leftover = binaries.cache_for_server(cache_directory) / "scratch" / "leftover"
    leftover.mkdir(parents=True, exist_ok=True)
    (leftover / "lock").write_text("1")
    with LocalDatabase(None, edition="plain", cache=cache_directory) as local:
        assert not leftover.exists()
        with LocalDatabase(None, edition="plain", cache=cache_directory):
            assert setting(local.url, "fsync") == "off"  # the first one lives, so it is no leftover


def test_the_second_user_of_the_cache_waits_for_the_first(tmp_path: Path) -> None:
    inside = threading.Event()

    def second() -> None:
        with binaries.locked(tmp_path):
            inside.set()

    waiting = threading.Thread(target=second)
    with binaries.locked(tmp_path):
        waiting.start()
        assert not inside.wait(0.1)
    assert inside.wait(5)
    waiting.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as somebody else")
def test_root_is_told_when_the_server_cannot_reach_the_data(tmp_path: Path, cache_directory: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(LocalDatabaseFailed, match="runs as `nobody`, who cannot reach"):
        LocalDatabase(tmp_path / "data", edition="plain", cache=cache_directory).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="root's home is closed to others")
def test_a_cache_that_the_server_cannot_reach_is_replaced_by_the_shared_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert binaries.cache_for_server(tmp_path / "cache") == binaries.SHARED_CACHE


@pytest.mark.skipif(os.geteuid() != 0, reason="this is how all the other tests ran")
def test_everybody_but_root_runs_it_as_themselves(cache_directory: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        ordinary = os.fork()
        if ordinary == 0:
            os.setgid(65534)
            os.setuid(65534)
            with LocalDatabase(Path(home) / "data", edition="plain", cache=Path(home) / "cache") as local:
                os._exit(0 if setting(local.url, "fsync") == "on" else 1)
        assert os.waitpid(ordinary, 0)[1] == 0
