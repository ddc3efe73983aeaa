"""What a running trader host costs in memory, beside an actor that does nothing, in the same Ray."""

import asyncio
import statistics

from bench._fleet import processes, pss_mb, report, running_fleet

HOSTS = 4
SETTLE_S = 15


class Empty:
    def pid(self) -> int:
        return 0


async def main() -> None:
    async with running_fleet() as fleet:
        import ray  # noqa: PLC0415  its environment is prepared by then

        accounts = await fleet.add_accounts(HOSTS)
        await fleet.want(accounts, "running")
        await fleet.until(accounts, "running")
        empty = [ray.remote(Empty).options(num_cpus=0).remote() for _ in range(HOSTS)]
        await asyncio.gather(*(actor.pid.remote() for actor in empty))
        # Long enough for orders, fills and checkpoints to have passed through every host.
        await asyncio.sleep(SETTLE_S)
        host_mb = statistics.median(pss_mb(process) for process in processes("ray::TraderHost"))
        empty_mb = statistics.median(pss_mb(process) for process in processes("ray::Empty"))
    report(
        bench="footprint",
        host_pss_mb=round(host_mb, 1),
        empty_actor_pss_mb=round(empty_mb, 1),
        ratio=round(host_mb / empty_mb, 3),
        ratio_at_most=1.25,
        hosts=HOSTS,
    )


if __name__ == "__main__":
    asyncio.run(main())
