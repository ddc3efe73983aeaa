"""Personal tokens: made, listed, revoked; by the API and by the settings page alike."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import invalid, not_found
from api.identity.principal import PAPER_MODES, Principal, Role, Scope
from api.identity.schemas import CreateToken, NewToken, TokenView
from api.identity.second_factors import require_second_factor
from security.tokens import TokenKind, fingerprint, mint
from storage.accounts import Reach, find_account
from storage.audit import write_audit
from storage.ids import new_id
from storage.tokens import TokenRecord, add_token, list_tokens, revoke_token
from trading.ids import AccountId


async def views(tx: AsyncConnection, principal: Principal) -> list[TokenView]:
    return [_view(token) for token in await list_tokens(tx, principal.user_id)]


async def create_token(tx: AsyncConnection, principal: Principal, wish: CreateToken) -> NewToken:
    """Make one. Its secret is in the answer and nowhere else."""
    if Scope.ADMIN in wish.scopes and principal.role is Role.USER:
        raise invalid("/scopes", "only staff can make tokens with the scope admin")
    account = None if wish.account_id is None else AccountId(wish.account_id)
    if account is not None:
        modes = None if wish.live else PAPER_MODES
        if await find_account(tx, account, Reach(user=principal.user_id, modes=modes)) is None:
            raise invalid("/account_id", "you have no such account that this token could reach")
    if wish.live and {Scope.TRADING, Scope.CREDENTIALS} & set(wish.scopes):
        require_second_factor(principal)
    days = wish.expires_in_days
    secret = mint(TokenKind.LIVE if wish.live else TokenKind.PAPER)
    token = await add_token(
        tx,
        new_id("tok"),
        principal.user_id,
        fingerprint(secret),
        name=wish.name,
        scopes=sorted(set(wish.scopes)),
        account=account,
        expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
    )
    await write_audit(tx, principal.user_id, "token.created", token.id, {"scopes": token.scopes, "live": wish.live})
    return NewToken(token=_view(token), secret=secret)


async def revoke(tx: AsyncConnection, principal: Principal, token: str) -> None:
    if not await revoke_token(tx, principal.user_id, token):
        raise not_found()
    await write_audit(tx, principal.user_id, "token.revoked", token)


def _view(token: TokenRecord) -> TokenView:
    return TokenView(**{field: getattr(token, field) for field in TokenView.__struct_fields__})
