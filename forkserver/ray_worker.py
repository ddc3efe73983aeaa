"""What is known of Ray's worker processes; another version of Ray may differ in any of it."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

TESTED_VERSIONS = frozenset({"2.60.0"})

IMPORTS = (
    "ray._private.workers.default_worker",
    "ray._common.usage.usage_lib",
    "ray._common.pydantic_compat",
    "ray._private.arrow_serialization",
    *(("pydantic.v1.fields",) if find_spec("pydantic") else ()),
)
"""All that a worker of these versions imports until it has answered its first call."""

PER_WORKER_VARIABLES = frozenset({"RAY_JOB_ID"})
"""All that differs between the environments of two workers of one raylet."""


def installed_version() -> str | None:
    try:
        return version("ray")
    except PackageNotFoundError:
        return None


def worker_script() -> Path:
    """The file that a raylet has its workers run, found without importing ray."""
    spec = find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "_private" / "workers" / "default_worker.py"
