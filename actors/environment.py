"""What Ray reads from the environment when it is first imported, so it is set here, before that."""

import os
import sys


def prepare_ray(token: str | None) -> None:
    """Call before anything imports ray. Usage statistics are off; with a token, Ray refuses whoever has another."""
    wanted = {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray makes its workers step back behind everything else on the machine; here they are what it is for.
        "RAY_worker_niceness": "0",
    }
    if token is not None:
        wanted |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    if "ray" in sys.modules and any(os.environ.get(name) != value for name, value in wanted.items()):
        raise RuntimeError("ray was imported before its environment was prepared")
    os.environ.update(wanted)
