"""Sealing what comes in."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.commands import Command, Wish
from api.accounts.service import refuse_archived
from api.credentials.schemas import Credentials, PutCredentials
from api.errors import conflict, not_found
from api.identity.principal import Principal
from security.envelope import Binding, KeyRing
from storage import credentials
from storage.accounts import FLEET_CHANNEL, AccountRecord
from storage.audit import write_audit
from storage.notifications import notify


class Keys:
    def __init__(self, tx: AsyncConnection, principal: Principal, key_ring: KeyRing) -> None:
        self._tx = tx
        self._principal = principal
        self._key_ring = key_ring

    async def describe(self, account: AccountRecord) -> Credentials:
        found = await credentials.describe(self._tx, account.id)
        if found is None:
            raise not_found()
        return Credentials(key_last4=found.key_last4, version=found.version, updated_at=found.updated_at)

    async def put(self, account: AccountRecord, given: PutCredentials) -> Credentials:
        """Replace the key. A running account goes over to the new one by itself: the fleet sees the version change."""
        refuse_archived(account)
        binding = Binding(user=account.user_id, account=account.id, venue=account.venue)
        plain = msgspec.json.encode({"key": given.key, "secret": given.secret})
        last4 = given.key[-4:]
        sealed = self._key_ring.seal(plain, binding)
        await credentials.write(self._tx, account.id, account.user_id, sealed, key_last4=last4)
        await write_audit(self._tx, self._principal.user_id, "credentials.put", account.id, {"key_last4": last4})
        await notify(self._tx, FLEET_CHANNEL, account.id)
        return await self.describe(account)

    async def delete(self, account: AccountRecord) -> None:
        if account.desired_state != Wish.STOPPED:
            raise conflict("Stop the account first.", state=account.desired_state, allowed=[Command.STOP])
        if not await credentials.remove(self._tx, account.id):
            raise not_found()
        await write_audit(self._tx, self._principal.user_id, "credentials.deleted", account.id)
