"""A worker is a worker, forked or plain: what users' code may do in it, and how its end is noticed."""

from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.slow

AT_ONCE_S = 5.0
"""Ray itself takes less than 0.1 s; a death that only a time-out tells of takes 30 and more."""


def server_of(driver: Any) -> psutil.Process:
    ((_, parent),) = driver("start", 1)
    server = psutil.Process(parent)
    assert "forkserver.server" in " ".join(server.cmdline())
    return server


def test_tasks_run(driver: Any) -> None:
    assert driver("run_tasks", 10) == list(range(0, 20, 2))


def test_an_async_actor_runs(driver: Any) -> None:
    assert driver("run_async_actor") == [0, 1, 2]


def test_twenty_actors_at_once_are_twenty_processes_with_random_numbers_of_their_own(forked: Any) -> None:
    workers = forked("start", 20)
    chances = [chance for of_one in forked("call", "chances") for chance in of_one]

    assert len({pid for pid, _ in workers}) == 20
    assert Counter(chances).most_common(1)[0][1] == 1


def test_forked_workers_are_the_server_s_children_and_plain_ones_the_raylet_s(forked: Any, plain: Any) -> None:
    server = server_of(forked).pid

    assert {parent for _, parent in forked("start", 2)} == {server}
    assert {parent for _, parent in plain("start", 1)} == {plain("raylet")}


def test_a_worker_starts_processes_threads_and_loops(driver: Any) -> None:
    driver("start", 1)

    assert driver("call", "run_others") == [[True, [0, 1, 4, 9, 16], 1024, "slept"]]


def test_a_forked_worker_finds_itself_as_a_plain_one_does(forked: Any, plain: Any) -> None:
    forked("start", 1)
    plain("start", 1)
    (of_forked,), (of_plain,) = forked("call", "facts"), plain("call", "facts")

    assert of_forked == of_plain


def test_a_forked_worker_has_nothing_left_to_import(forked: Any) -> None:
    forked("start", 1)
    (modules,) = forked("call", "modules")

    assert {"msgspec", "numpy.random"} <= {*modules}
    assert modules[modules.index("nturl2path") + 1 :] == []


def test_what_a_worker_prints_is_in_ray_s_logs_at_once(driver: Any) -> None:
    driver("start", 1)
    driver("call", "say", "heard")
    ((pid, _),) = driver("call", "where")

    def logged(kind: str) -> list[str]:
        (log,) = Path(driver("logs")).glob(f"worker-*-{pid}.{kind}")
        return [line for line in log.read_text().splitlines() if not line.startswith(":")]

    assert logged("out") == ["heard"]
    assert logged("err") == ["heard"]


@pytest.mark.parametrize("how", ["killed from outside", "SIGKILL", "os._exit", "sys.exit", "exit_actor", "ray.kill"])
def test_an_end_is_told_at_once(driver: Any, how: str) -> None:
    ((pid, _),) = driver("start", 1)
    error, after_s = driver("end", how)

    assert error == "ActorDiedError"
    assert after_s < AT_ONCE_S
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], AT_ONCE_S)
    assert not psutil.pid_exists(pid)


def test_ray_restarts_what_died_where_it_is_to(driver: Any) -> None:
    ((before, _),) = driver("start", 1, 1)
    psutil.Process(before).kill()
    ((after, _),) = driver("call", "where")

    assert after != before


def test_a_killed_server_takes_no_worker_along_and_the_next_worker_starts_another(forked: Any) -> None:
    server = server_of(forked)
    bereft = forked("call", "where")
    server.kill()
    server.wait(AT_ONCE_S)

    assert forked("call", "where")[0][0] == bereft[0][0]
    assert server_of(forked).pid != server.pid


def test_once_the_server_has_refused_workers_are_started_plain(forked: Any) -> None:
    server = server_of(forked)
    folder = Path(server.environ()["FORKSERVER_FOLDER"])
    (folder / "refused").touch()
    ((_, parent),) = forked("start", 1)
    (folder / "refused").unlink()

    assert parent == forked("raylet")
    assert server_of(forked).pid == server.pid


def test_ray_s_token_is_nowhere_in_a_file(forked: Any) -> None:
    folder = Path(server_of(forked).environ()["FORKSERVER_FOLDER"])

    assert folder.stat().st_mode & 0o777 == 0o700
    assert not [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
