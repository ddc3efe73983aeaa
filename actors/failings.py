"""What failed lately, for the plan. Bounded: what is older than the policy looks back is forgotten."""

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

from supervisor.restarts import Failures, RestartPolicy, add_failure, forget_old

Name = TypeVar("Name", bound=Hashable)


class Failings(Generic[Name]):
    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._failures: dict[Name, Failures] = {}

    def add(self, name: Name, reason: str, *, with_host: bool = False) -> None:
        before = self._failures.get(name, Failures())
        self._failures[name] = add_failure(before, datetime.now(UTC), reason, self._policy, with_host=with_host)

    def forgive(self, name: Name) -> None:
        self._failures.pop(name, None)

    def recent(self) -> Mapping[Name, Failures]:
        now = datetime.now(UTC)
        self._failures = {
            name: recent
            for name, known in self._failures.items()
            if (recent := forget_old(known, now, self._policy)).at
        }
        return dict(self._failures)
