"""Who is asking: API keys, signatures and timestamps, judged as the venue does."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from paper.accounts import Account
from paper.errors import BadSettings, Refused, missing
from paper.facts import Key, KeyKind
from paper.fixed import ONE
from paper.requests import Request

_BLOCK = 64
_EARLY_MS = 1000
_WINDOW_DEFAULT_MS = 5000
_WINDOW_MAX_MS = 60_000


class Doorkeeper:
    """Knows the keys. `admit` asks for the key alone, `verify` for a signature too."""

    def __init__(self, keys: Mapping[str, Key], accounts: Mapping[str, Account]) -> None:
        self._keys = keys
        self._accounts = accounts
        self._signers: dict[str, Callable[[bytes], str]] = {}
        self._public_keys: dict[str, Ed25519PublicKey] = {}

    def known(self, api_key: str) -> Key | None:
        return self._keys.get(api_key)

    def admit(self, request: Request, *, trade: bool = False) -> None:
        if not request.api_key:
            raise Refused(-2014, "API-key format invalid.", 401)
        key = self._keys.get(request.api_key)
        if key is None or (trade and not key.trade) or (key.addresses and request.address not in key.addresses):
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        request.authorize(key, self._accounts[key.account])

    def verify(self, request: Request, *, trade: bool = False) -> None:
        self.admit(request, trade=trade)
        signature = request.params.get("signature")
        if not signature:
            raise missing("signature")
        self._check_time(request)
        assert request.key is not None
        if not self._signed(request.key, request.payload, signature):
            raise Refused(-1022, "Signature for this request is not valid.")

    def _check_time(self, request: Request) -> None:
        timestamp = request.moment("timestamp")
        window = request.amount("recvWindow") // ONE if request.params.get("recvWindow") else _WINDOW_DEFAULT_MS
        if window > _WINDOW_MAX_MS:
            raise Refused(-1131, "recvWindow must be less than 60000.")
        if timestamp >= request.now + _EARLY_MS:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if timestamp < request.now - window:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _signed(self, key: Key, payload: str, signature: str) -> bool:
        if key.kind is KeyKind.HMAC:
            expected = self._signer(key)(payload.encode())
            return signature.isascii() and hmac.compare_digest(expected, signature.lower())
        try:
            raw = base64.b64decode(signature, validate=True)
            self._public_key(key).verify(raw, payload.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    def _signer(self, key: Key) -> Callable[[bytes], str]:
        signer = self._signers.get(key.key)
        if signer is None:
            signer = self._signers[key.key] = _hmac_signer(key.secret.encode())
        return signer

    def _public_key(self, key: Key) -> Ed25519PublicKey:
        public = self._public_keys.get(key.key)
        if public is None:
            public = self._public_keys[key.key] = read_public_key(key.secret)
        return public


def _hmac_signer(secret: bytes) -> Callable[[bytes], str]:
    """HMAC-SHA256 under one secret. What it does with the secret is done once: a client signs every request with it."""
    block = (secret if len(secret) <= _BLOCK else sha256(secret).digest()).ljust(_BLOCK, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def sign(message: bytes) -> str:
        within, around = inner.copy(), outer.copy()
        within.update(message)
        around.update(within.digest())
        return around.hexdigest()

    return sign


def read_public_key(pem: str) -> Ed25519PublicKey:
    try:
        public = load_pem_public_key(pem.encode())
    except ValueError:
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise BadSettings("public_key must be an Ed25519 public key in PEM form")
    return public
