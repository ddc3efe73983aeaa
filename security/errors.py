"""What can go wrong with secrets. No message holds key material, plain text or the text that was being parsed."""


class SecurityError(Exception):
    """Base of all. Safe to show and to log."""


class MalformedKeyRing(SecurityError):
    """The text of a key ring cannot be read."""


class UnknownMasterKey(SecurityError):
    """Sealed under a master key that the ring does not hold."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"sealed under master key {key_id!r}, which the key ring does not hold; add it back to the ring"
        )
        self.key_id = key_id


class CannotOpen(SecurityError):
    """The seal is broken, or belongs to another user, account or venue. Which of these, nobody can tell."""

    def __init__(self) -> None:
        super().__init__("the sealed secret does not open here; put the exchange keys in again")
