"""One worker asked for by a shim: what the raylet gave the process that is to be the worker."""

import os
import socket
import struct
from dataclasses import dataclass

HEADER = 8
MOST_DESCRIPTORS = 253
"""What Linux passes with one message."""
LONGEST = 8 * 1024 * 1024
"""More than Linux allows for arguments and environment together, short of a raised stack limit."""


class Declined(Exception):
    """This worker is not forked; its shim starts a plain one."""


@dataclass(frozen=True, kw_only=True)
class Request:
    arguments: list[str]
    directory: bytes
    environment: dict[bytes, bytes]
    descriptors: dict[int, int]
    """By its number in the shim, the descriptor as it arrived here."""
    shim: int
    """The process id of who asks, which lives until it is answered."""

    def differing(self, environment: dict[bytes, bytes]) -> set[str]:
        """The names of variables that are not the same there."""
        mine, theirs = self.environment.items(), environment.items()
        return {os.fsdecode(name) for name, _ in mine ^ theirs}

    def close(self) -> None:
        """Let go of the descriptors here; the shim has its own."""
        for descriptor in self.descriptors.values():
            os.close(descriptor)


def receive(connection: socket.socket) -> Request:
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.geteuid():
        raise Declined(f"user {uid} asked for it")
    header, received, flags, _ = socket.recv_fds(connection, HEADER, MOST_DESCRIPTORS)
    try:
        fields = _read(connection, header, cut=bool(flags & socket.MSG_CTRUNC)).split(b"\0")
        count = int(fields[0])
        arguments, (directory, numbers, *variables) = fields[1 : count + 1], fields[count + 1 :]
        return Request(
            arguments=[os.fsdecode(argument) for argument in arguments],
            directory=directory,
            environment=dict(variable.split(b"=", 1) for variable in variables),
            descriptors=dict(zip(map(int, numbers.split()), received, strict=True)),
            shim=pid,
        )
    except (Declined, OSError, ValueError) as error:
        for descriptor in received:
            os.close(descriptor)
        raise Declined(f"its request does not parse: {error}") from error


def _read(connection: socket.socket, header: bytes, *, cut: bool) -> bytes:
    length = int.from_bytes(header, "big")
    if cut or len(header) != HEADER or length > LONGEST:
        raise Declined(f"it says {length} bytes in a header of {len(header)}")
    message = bytearray()
    while len(message) < length:
        part = connection.recv(length - len(message))
        if not part:
            raise Declined("its shim has gone")
        message += part
    return bytes(message)
