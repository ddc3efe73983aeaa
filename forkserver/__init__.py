"""Forked workers for Ray: processes forked from a warm one in place of started ones. Its README says how and how much.

`forked_workers` is all there is to call. What runs where:

- in the process that starts Ray: `workers` puts the stand-in in Python's place, once `check` has tried it with `probe`
- in place of each worker: `python`, a shell script, and `shim`, which asks and makes way
- beside each raylet: `server`, which answers with a `request` turned into a `worker`

`ray_worker` holds what is known of Ray. Nothing here imports another room, and only the server imports ray.
"""

from forkserver.workers import forked_workers

__all__ = ["forked_workers"]
