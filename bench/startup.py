"""How fast hosts are brought to trading, beside Ray's own actors that do nothing, started as Ray starts them."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

from actors.environment import prepare_ray
from bench._fleet import report, running_fleet

HOSTS = 12


class Empty:
    def pid(self) -> int:
        return 0


def empty_actors_per_s() -> float:
    """The floor: measured in a process and a Ray of its own, with plain workers."""
    prepare_ray(None)
    import ray  # noqa: PLC0415  its environment is prepared by then

    from actors import cluster  # noqa: PLC0415

    cluster.start_local(Path(mkdtemp(prefix="tf-bench-")), os.cpu_count() or 1, forked=False, log=print)
    actor = ray.remote(Empty).options(num_cpus=0)
    ray.get(actor.remote().pid.remote())
    began = time.perf_counter()
    actors = [actor.remote() for _ in range(HOSTS)]
    ray.get([empty.pid.remote() for empty in actors])
    took_s = time.perf_counter() - began
    cluster.leave()
    return HOSTS / took_s


async def hosts_per_s() -> float:
    async with running_fleet() as fleet:
        warm = await fleet.add_accounts(1)
        await fleet.want(warm, "running")
        await fleet.until(warm, "running")
        accounts = await fleet.add_accounts(HOSTS)
        await fleet.want(accounts, "running")
        return HOSTS / await fleet.until(accounts, "running")


def main() -> None:
    if sys.argv[1:] == ["floor"]:
        sys.stdout.write(str(empty_actors_per_s()))
        return
    floor = float(subprocess.run([sys.executable, __file__, "floor"], check=True, capture_output=True).stdout)
    rate = asyncio.run(hosts_per_s())
    report(
        bench="startup",
        hosts_to_trading_per_s=round(rate, 2),
        empty_actors_per_s=round(floor, 2),
        ratio=round(rate / floor, 3),
        ratio_at_least=0.7,
        hosts=HOSTS,
        forked_workers=os.environ.get("TRADEFLEET_FORKED_WORKERS", "true"),
    )


if __name__ == "__main__":
    main()
