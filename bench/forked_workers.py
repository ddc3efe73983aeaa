"""Actors started all at once, with forked workers and with plain ones: how many a second, and the memory of each.

The floor is what Ray does by itself. Either kind has a Ray to itself, one after the other: Ray keeps to one a process.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext

import psutil

from bench._fleet import pss_mb, report

ACTORS = 20
WARM = 4
"""They take away the workers that Ray keeps ready; when they run, the fork server has imported everything."""


class Empty:
    def pid(self) -> int:
        return os.getpid()


def measure(kind: str) -> dict[str, float]:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray  # noqa: PLC0415  its environment is prepared by now

    from forkserver import forked_workers  # noqa: PLC0415

    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="fs-") as directory,
        forked_workers() if kind == "forked" else nullcontext(False) as forked,
    ):
        assert forked is (kind == "forked")
        tried_s = time.perf_counter() - began
        ray.init(
            address="local",
            num_cpus=os.cpu_count(),
            include_dashboard=False,
            object_store_memory=80 * 1024 * 1024,
            configure_logging=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.2",
            _temp_dir=directory,
        )
        start = ray.remote(num_cpus=0)(Empty).remote
        warm = [start() for _ in range(WARM)]
        ray.get([actor.pid.remote() for actor in warm])
        began = time.perf_counter()
        actors = [start() for _ in range(ACTORS)]
        workers = [psutil.Process(pid) for pid in ray.get([actor.pid.remote() for actor in actors])]
        took_s = time.perf_counter() - began
        figures = {"starts_per_s": ACTORS / took_s, "pss_mb": sum(map(pss_mb, workers)) / ACTORS}
        if forked:
            figures |= {"server_pss_mb": pss_mb(psutil.Process(workers[0].ppid())), "check_s": tried_s}
        ray.shutdown()
    return {name: round(figure, 2) for name, figure in figures.items()}


def in_a_process(kind: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, kind], stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    plain, forked = in_a_process("plain"), in_a_process("forked")
    report(
        bench="forked_workers",
        actors=ACTORS,
        forked=forked,
        plain=plain,
        starts_ratio=round(forked["starts_per_s"] / plain["starts_per_s"], 2),
        starts_ratio_at_least=5,
        pss_ratio=round(forked["pss_mb"] / plain["pss_mb"], 3),
        pss_ratio_at_most=0.5,
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        report(**measure(sys.argv[1]))
    else:
        main()
