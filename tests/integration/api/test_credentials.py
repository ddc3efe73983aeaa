"""Exchange keys go in and never come out: not by the API, not through the database in the API's role."""

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.integration.api.site import Browser, Site

KEYS = {"key": "key-that-ends-in-WXYZ", "secret": "a-secret-nobody-sees"}


async def test_a_key_shows_its_last_four_characters_and_its_version(ada: Browser) -> None:
    account = await ada.make_account()
    path = f"/api/v1/accounts/{account}/credentials"
    assert (await ada.get(path)).status_code == 404
    put = await ada.put(path, json=KEYS)
    assert (put.json()["key_last4"], put.json()["version"]) == ("WXYZ", 1)
    assert KEYS["secret"] not in put.text
    replaced = await ada.put(path, json={**KEYS, "key": "another-key-0000"})
    assert (replaced.json()["key_last4"], replaced.json()["version"]) == ("0000", 2)
    assert (await ada.get(path)).json() == replaced.json()


async def test_a_key_is_removed_only_from_a_stopped_account(ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    path = f"/api/v1/accounts/{account}/credentials"
    await ada.post(f"/api/v1/accounts/{account}/start")
    assert (await ada.delete(path)).status_code == 409
    await ada.post(f"/api/v1/accounts/{account}/stop")
    assert (await ada.delete(path)).status_code == 204
    assert (await ada.delete(path)).status_code == 404


async def test_the_gateway_opens_what_was_put_in(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await ada.put(f"/api/v1/accounts/{account}/credentials", json=KEYS)
    plain = await site.open_credential(account)
    assert msgspec.json.decode(plain) == KEYS


async def test_the_apis_own_role_cannot_read_what_it_wrote(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await ada.put(f"/api/v1/accounts/{account}/credentials", json=KEYS)
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with site.database.transaction(admin=True) as tx:
            await tx.execute(text("SELECT sealed FROM credentials"))
