"""How fast hosts are brought to trading, beside actors that do nothing, in the same Ray."""

import asyncio
import time

from bench._fleet import report, running_fleet

HOSTS = 12


class Empty:
    def pid(self) -> int:
        return 0


async def main() -> None:
    async with running_fleet() as fleet:
        import ray  # noqa: PLC0415  its environment is prepared by then

        warm = await fleet.add_accounts(1)
        await fleet.want(warm, "running")
        await fleet.until(warm, "running")
        began = time.perf_counter()
        empty = [ray.remote(Empty).options(num_cpus=0).remote() for _ in range(HOSTS)]
        await asyncio.gather(*(actor.pid.remote() for actor in empty))
        empty_s = time.perf_counter() - began
        for actor in empty:
            ray.kill(actor)
        accounts = await fleet.add_accounts(HOSTS)
        await fleet.want(accounts, "running")
        host_s = await fleet.until(accounts, "running")
    report(
        bench="startup",
        hosts_to_trading_per_s=round(HOSTS / host_s, 2),
        empty_actors_per_s=round(HOSTS / empty_s, 2),
        ratio=round(empty_s / host_s, 3),
        ratio_at_least=0.7,
        hosts=HOSTS,
    )


if __name__ == "__main__":
    asyncio.run(main())
