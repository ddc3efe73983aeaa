"""The second factor: an authenticator app, and recovery codes for the day that it is lost."""

import time

from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import SECOND_FACTOR_NEEDED, WRONG_CODE, ApiError, conflict
from api.identity.principal import Principal
from api.identity.schemas import RecoveryCodes, SecondFactorSecret, SecondFactorView
from security.envelope import Binding, KeyRing
from security.otp import as_text, as_uri, matching_step, new_recovery_codes, new_secret, normal_recovery_code
from security.tokens import fingerprint
from storage.audit import write_audit
from storage.second_factors import (
    accept_step,
    confirm_factor,
    find_factor,
    propose_factor,
    recovery_codes_left,
    remove_factor,
    use_recovery_code,
)
from storage.sessions import mark_second_factor
from trading.ids import UserId

ISSUER = "Tradefleet"


class SecondFactors:
    def __init__(self, key_ring: KeyRing) -> None:
        self._key_ring = key_ring

    async def describe(self, tx: AsyncConnection, principal: Principal) -> SecondFactorView:
        return SecondFactorView(
            on=await self.is_on(tx, principal.user_id),
            recovery_codes_left=await recovery_codes_left(tx, principal.user_id),
            shown_at=principal.second_factor_at,
        )

    async def is_on(self, tx: AsyncConnection, user: UserId) -> bool:
        factor = await find_factor(tx, user)
        return factor is not None and factor.confirmed_at is not None

    async def propose(self, tx: AsyncConnection, principal: Principal) -> SecondFactorSecret:
        secret = new_secret()
        if not await propose_factor(tx, principal.user_id, self._key_ring.seal(secret, _binding(principal.user_id))):
            raise conflict("It is on already; remove it first.", state="on", allowed=["remove"])
        return SecondFactorSecret(secret=as_text(secret), uri=as_uri(secret, issuer=ISSUER, name=principal.email))

    async def confirm(self, tx: AsyncConnection, principal: Principal, code: str) -> RecoveryCodes:
        factor = await find_factor(tx, principal.user_id)
        if factor is None or factor.confirmed_at is not None:
            state = "off" if factor is None else "on"
            raise conflict(
                "There is nothing to confirm.", state=state, allowed=["propose" if factor is None else "remove"]
            )
        await self.check(tx, principal.user_id, code)
        codes = new_recovery_codes()
        await confirm_factor(tx, principal.user_id, [_hash(code) for code in codes])
        await self._mark(tx, principal)
        await write_audit(tx, principal.user_id, "second_factor.added", principal.user_id)
        return RecoveryCodes(codes=codes)

    async def show(self, tx: AsyncConnection, principal: Principal, code: str) -> None:
        """Step up: for a while, this session may do what is dangerous."""
        if not await self.is_on(tx, principal.user_id):
            raise conflict("There is no second factor to show; add one first.", state="off", allowed=["propose"])
        await self.check(tx, principal.user_id, code)
        await self._mark(tx, principal)

    async def remove(self, tx: AsyncConnection, principal: Principal, code: str) -> None:
        await self.show(tx, principal, code)
        await remove_factor(tx, principal.user_id)
        await write_audit(tx, principal.user_id, "second_factor.removed", principal.user_id)

    async def check(self, tx: AsyncConnection, user: UserId, code: str) -> None:
        """Take a code from the authenticator, or a recovery code. Either is good once."""
        factor = await find_factor(tx, user)
        if factor is not None:
            secret = self._key_ring.open(factor.sealed, _binding(user))
            step = matching_step(secret, code.strip(), time.time(), after=factor.last_step)
            if step is not None and await accept_step(tx, user, step):
                return
        if not await use_recovery_code(tx, user, _hash(code)):
            raise ApiError(WRONG_CODE)
        await write_audit(tx, user, "recovery_code.used", user)

    async def _mark(self, tx: AsyncConnection, principal: Principal) -> None:
        if principal.session_id is not None:
            await mark_second_factor(tx, principal.session_id)


def require_second_factor(principal: Principal) -> None:
    """For what is dangerous: going live, and what could do so in its owner's name."""
    if not principal.showed_second_factor_lately:
        raise ApiError(
            SECOND_FACTOR_NEEDED,
            "Real money wants your second factor, shown within the last 15 minutes: add one with "
            "POST /api/v1/me/second-factor, show it with POST /api/v1/me/second-factor/show.",
        )


def _binding(user: UserId) -> Binding:
    return Binding(user=user, account="", venue="second factor")


def _hash(code: str) -> bytes:
    return fingerprint(normal_recovery_code(code))
