"""The operator's and referee's side, under `/_paper/`: accounts, money, and the whole truth of what happened.

Only from this machine, and only with the token of the run.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from paper import fixed
from paper.accounts import Account
from paper.errors import BadSettings
from paper.facts import Key, KeyIssued, KeyKind, KeyRevoked
from paper.faults import Faults, read_faults
from paper.fixed import text
from paper.payloads import Json, account_trade, balances, order_status
from paper.record import RequestRecord
from paper.signing import read_public_key
from paper.venue import Venue

_ACCOUNTS_MAX = 10_000
_Wish = TypeVar("_Wish", bound=msgspec.Struct)


class KeyWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key shall be allowed. With a public key it is an Ed25519 key, else one with a shared secret."""

    public_key: str | None = None
    trade: bool = True
    withdraw: bool = False
    addresses: tuple[str, ...] = ()


class AccountWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts to open, all alike: `{"count": 8, "balances": {"USDT": "10000"}}`."""

    count: int = 1
    name: str = "account"
    balances: dict[str, str] = {}
    discount: bool = False
    """Pay fees in the discount asset."""
    key: KeyWish = KeyWish()


class KeyRequest(KeyWish, frozen=True, kw_only=True):
    account: str


class Transfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str
    asset: str
    amount: str


class Admin:
    """Answers to (method, path below `/_paper/`). Raises `BadSettings` for what it cannot do."""

    def __init__(
        self,
        venue: Venue,
        *,
        requests: Iterable[RequestRecord],
        faults: Faults,
        disturb: Callable[[], None],
        true_clock: Callable[[], int],
    ) -> None:
        self._venue = venue
        self._requests = requests
        self._faults = faults
        self._disturb = disturb
        self._true_clock = true_clock
        self.handlers: dict[tuple[str, str], Callable[[Mapping[str, str], bytes, int], Any]] = {
            ("POST", "accounts"): self.open_accounts,
            ("GET", "accounts"): self.accounts,
            ("POST", "keys"): self.issue_key,
            ("DELETE", "keys"): self.revoke_key,
            ("POST", "deposits"): self.deposit,
            ("POST", "withdrawals"): self.withdraw,
            ("GET", "orders"): self.orders,
            ("GET", "trades"): self.trades,
            ("GET", "requests"): self.requests,
            ("GET", "totals"): self.totals,
            ("POST", "faults"): self.add_faults,
            ("GET", "faults"): self.faults,
            ("DELETE", "faults"): self.clear_faults,
        }

    def open_accounts(self, _query: Mapping[str, str], body: bytes, now: int) -> Json:
        wish = _read(body, AccountWish)
        if not 1 <= wish.count <= _ACCOUNTS_MAX:
            raise BadSettings(f"count must be between 1 and {_ACCOUNTS_MAX}")
        amounts = {asset: _amount(amount) for asset, amount in wish.balances.items()}
        names = self._names(wish)
        issued = []
        for name in names:
            account = self._venue.open_account(name, discount=wish.discount, now=now)
            for asset, amount in amounts.items():
                self._venue.move_funds(account, asset, amount, now)
            issued.append(self._issue(account, wish.key, now))
        return {"accounts": issued}

    def accounts(self, query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        return {
            "accounts": [
                {"account": account.id, "uid": account.uid, "balances": balances(account)}
                for account in self._chosen(query)
            ]
        }

    def issue_key(self, _query: Mapping[str, str], body: bytes, now: int) -> Json:
        wish = _read(body, KeyRequest)
        return self._issue(self._account(wish.account), wish, now)

    def revoke_key(self, query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        key = query.get("api_key", "")
        if key not in self._venue.state.keys:
            raise BadSettings("api_key names no key; GET accounts lists what there is")
        self._venue.record(KeyRevoked(key))
        return {}

    def deposit(self, _query: Mapping[str, str], body: bytes, now: int) -> Json:
        return self._transfer(body, now, 1)

    def withdraw(self, _query: Mapping[str, str], body: bytes, now: int) -> Json:
        return self._transfer(body, now, -1)

    def _transfer(self, body: bytes, now: int, sign: int) -> Json:
        wish = _read(body, Transfer)
        moved = self._venue.move_funds(self._account(wish.account), wish.asset, sign * _amount(wish.amount), now)
        return {"id": moved.id}

    def orders(self, query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        return {
            "orders": [
                order_status(order) | {"account": account.id}
                for account in self._chosen(query)
                for order in account.orders.values()
            ]
        }

    def trades(self, query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        return {
            "trades": [
                account_trade(trade) | {"account": account.id, "clientOrderId": trade.client_id}
                for account in self._chosen(query)
                for trade in account.trades
            ]
        }

    def requests(self, query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        account = query.get("account")
        return {"requests": [record for record in self._requests if account in {None, record.account}]}

    def totals(self, _query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        """Where every asset is. For each, accounts and fees less what was put in is what the crowd lost."""
        state = self._venue.state
        sums: dict[str, dict[str, int]] = {}
        for kind, pairs in (
            ("deposited", ((moved.asset, moved.amount) for moved in state.transfers)),
            ("fees", state.fees.items()),
            ("house", state.house.items()),
            (
                "accounts",
                (
                    (asset, balance.free + balance.locked)
                    for account in state.accounts.values()
                    for asset, balance in account.balances.items()
                ),
            ),
        ):
            for asset, amount in pairs:
                row = sums.setdefault(asset, dict.fromkeys(("deposited", "accounts", "fees", "house"), 0))
                row[kind] += amount
        return {asset: {kind: text(amount) for kind, amount in row.items()} for asset, row in sorted(sums.items())}

    def add_faults(self, _query: Mapping[str, str], body: bytes, _now: int) -> Json:
        self._faults.add(read_faults(body), self._true_clock())
        self._disturb()
        return {"faults": self._faults.report()}

    def faults(self, _query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        return {"faults": self._faults.report()}

    def clear_faults(self, _query: Mapping[str, str], _body: bytes, _now: int) -> Json:
        self._faults.clear()
        self._disturb()
        return {}

    def _names(self, wish: AccountWish) -> list[str]:
        taken = self._venue.state.accounts
        if wish.count == 1 and wish.name not in taken and wish.name != "account":
            return [wish.name]
        names: list[str] = []
        number = 0
        while len(names) < wish.count:
            number += 1
            if f"{wish.name}-{number}" not in taken:
                names.append(f"{wish.name}-{number}")
        return names

    def _issue(self, account: Account, wish: KeyWish, now: int) -> Json:
        if wish.public_key is not None:
            read_public_key(wish.public_key)
        secret = None if wish.public_key is not None else secrets.token_hex(32)
        key = Key(
            key=secrets.token_hex(32),
            account=account.id,
            kind=KeyKind.HMAC if secret is not None else KeyKind.ED25519,
            secret=secret or wish.public_key or "",
            trade=wish.trade,
            withdraw=wish.withdraw,
            addresses=wish.addresses,
            created_at=now,
        )
        self._venue.record(KeyIssued(key))
        return {"account": account.id, "uid": account.uid, "api_key": key.key, "secret": secret}

    def _chosen(self, query: Mapping[str, str]) -> list[Account]:
        name = query.get("account")
        return [self._account(name)] if name else list(self._venue.state.accounts.values())

    def _account(self, name: str) -> Account:
        account = self._venue.state.accounts.get(name)
        if account is None:
            raise BadSettings(f"there is no account {name!r}; POST accounts opens one")
        return account


def _read(body: bytes, kind: type[_Wish]) -> _Wish:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.DecodeError as problem:
        raise BadSettings(str(problem)) from None


def _amount(value: str) -> int:
    try:
        return fixed.units(value)
    except ValueError:
        raise BadSettings(f"{value!r} is not an amount; write it as text, for instance '1.5'") from None
