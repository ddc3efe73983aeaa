"""The Ray cluster: started on this machine for one run, or joined. `environment.prepare_ray` comes first."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import ray

from actors.handles import NAMESPACE
from forkserver import forked_workers

LOOPBACK = "127.0.0.2"
"""Ray replaces 127.0.0.1 by the machine's own address; this one it takes, and it is as much this machine's alone."""
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Nearly the least that Ray accepts: what passes between actors here is small and goes by value."""


PRELOAD = ("actors.trader_host",)
"""What a forked worker finds imported: what there are many of. The few others import the rest themselves."""


class ClusterError(Exception):
    """Ray cannot be started or reached."""


def start_local(directory: Path, cores: int, *, forked: bool, log: Callable[[str], None]) -> bool:
    """Start a Ray of our own, which ends with this process. Its files go below `directory`; keep that path short.

    Answers whether its workers are forked from a warm process. `log` hears why not, where that was asked for.

    Ray's ports run code for whoever reaches them, and some of them listen on every address, so `environment`
    has set a token even for this one.
    """
    workers = forked_workers(preload=PRELOAD, log=log) if forked else nullcontext(False)
    try:
        with workers as are_forked:
            _init_local(directory, cores)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"Ray did not start: {error}") from error
    return are_forked


def _init_local(directory: Path, cores: int) -> None:
    ray.init(
        address="local",
        namespace=NAMESPACE,
        num_cpus=cores,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        logging_level="error",
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address=LOOPBACK,
        _temp_dir=str(directory),
    )


def join(address: str) -> None:
    try:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error}") from error


def leave() -> None:
    """Part from the cluster; one that was started here ends, with every process of it."""
    ray.shutdown()
