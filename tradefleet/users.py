"""Making a user from the command line: the first administrator comes from here."""

from api.identity import service
from security.passwords import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, Passwords
from storage.database import Database, Role
from trading.ids import UserId


class CannotCreateUser(Exception):
    """The e-mail is taken, or the password is no good."""


async def create_user(url: str, email: str, password: str, role: str) -> UserId:
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        raise CannotCreateUser(f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters")
    database = Database(url, Role.OWNER, pool_size=1)
    try:
        user = await service.create_user(database, Passwords(), email, password, role=role)
    finally:
        await database.close()
    if user is None:
        raise CannotCreateUser(f"{email} is taken by another user")
    return user
