"""How often something may fail before it is left alone: the restart budget of Erlang's supervisors, with back-off."""

import hashlib
from datetime import datetime, timedelta

import msgspec


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    failures_max: int = 5
    within_s: float = 30.0
    backoff_first_s: float = 0.2
    backoff_most_s: float = 5.0


class Failures(msgspec.Struct, frozen=True):
    """The recent failures of one thing, oldest first."""

    at: tuple[datetime, ...] = ()
    reason: str = ""
    with_host: tuple[datetime, ...] = ()
    """Those among them in which the whole host went down: it may have been another's fault."""


def add_failure(
    failures: Failures, at: datetime, reason: str, policy: RestartPolicy, *, with_host: bool = False
) -> Failures:
    recent = forget_old(failures, at, policy)
    return Failures((*recent.at, at), reason, (*recent.with_host, at) if with_host else recent.with_host)


def forget_old(failures: Failures, now: datetime, policy: RestartPolicy) -> Failures:
    oldest = now - timedelta(seconds=policy.within_s)
    return Failures(
        tuple(at for at in failures.at if at > oldest),
        failures.reason,
        tuple(at for at in failures.with_host if at > oldest),
    )


def is_exhausted(failures: Failures, now: datetime, policy: RestartPolicy) -> bool:
    return len(forget_old(failures, now, policy).at) > policy.failures_max


def restart_at(name: str, failures: Failures, now: datetime, policy: RestartPolicy) -> datetime:
    """When the next start may be tried. The first restart comes almost at once; each further one waits longer.

    The jitter comes from the name, so that what failed together does not come back in one instant, and the plan is
    still the same for the same facts.
    """
    recent = forget_old(failures, now, policy).at
    if len(recent) <= 1:
        return recent[-1] if recent else now
    backoff_s = min(policy.backoff_first_s * 2 ** (len(recent) - 2), policy.backoff_most_s)
    digest = hashlib.sha256(f"{name}:{len(recent)}".encode()).digest()
    jitter = 0.5 + digest[0] / 255
    return recent[-1] + timedelta(seconds=backoff_s * jitter)
