"""Asks this raylet's fork server for a worker, and becomes a plain one where that fails.

Runs once for every worker, as `python -I -S shim.py default_worker.py ARGUMENTS`, in the process that the raylet
started. Of what is not compiled into Python it imports `_socket` alone: `os` and `socket` would double its 8 ms.
"""

import _socket
import posix
import sys

PATIENCE_S = 30.0
"""The server may still be importing. Ray gives a worker 60 s to report, and a plain start must fit into the rest."""
BACKLOG = 512
LISTENER = 3
"""The descriptor at which the server finds the socket that it accepts from."""
SERVE = "import sys; sys.path[0] = {root!r}; from forkserver.server import main; main()"


def main() -> None:
    arguments = sys.argv[1:]
    python = posix.environ[b"FORKSERVER_PYTHON"]
    path = posix.environ[b"FORKSERVER_FOLDER"] + b"/" + posix.environ[b"RAY_RAYLET_PID"]
    try:
        ask(reach(path, python), arguments)
    except OSError as error:
        sys.stderr.write(f"forkserver: no forked worker, so a plain one: {error}\n")
        sys.stderr.flush()
        posix.execv(python, (python, *arguments))
    posix._exit(0)


def ask(server: _socket.socket, arguments: list[str]) -> None:
    """Return once a forked worker is sure to run in this process's stead; an OSError means that none will.

    The worker waits for the last byte from here. Had this process given up or been killed before, then a plain worker
    may be under way with the same arguments, and the forked one goes without having done anything.
    """
    server.settimeout(PATIENCE_S)
    credentials = server.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    if int.from_bytes(credentials[4:8], sys.byteorder) != posix.geteuid():
        raise PermissionError("the fork server is another user's")
    descriptors = inherited()
    encoding = sys.getfilesystemencoding()
    message = b"\0".join(
        [
            b"%d" % len(arguments),
            *(argument.encode(encoding, "surrogateescape") for argument in arguments),
            posix.getcwdb(),
            b" ".join(b"%d" % descriptor for descriptor in descriptors),
            *(name + b"=" + value for name, value in posix.environ.items()),
        ]
    )
    rights = b"".join(descriptor.to_bytes(4, sys.byteorder) for descriptor in descriptors)
    server.sendmsg([len(message).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    server.sendall(message)
    if not server.recv(1):
        raise ConnectionError("the fork server declined")
    server.sendall(b"!")


def inherited() -> list[int]:
    """All that the raylet left open to a worker, the pipe included on whose end it would wait for this process."""
    found = []
    for name in posix.listdir("/proc/self/fd"):
        try:
            if posix.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue  # the descriptor of the listing itself
    return sorted(found)


def connect(path: bytes) -> _socket.socket:
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect(path)
    return server


def reach(path: bytes, python: bytes) -> _socket.socket:
    """Connect to the server, started first if there is none."""
    try:
        return connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        pass
    import fcntl  # noqa: PLC0415 - only where a server has to be started

    lock = posix.open(path + b".lock", posix.O_RDWR | posix.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # of shims that come together one starts the server, and the others find it
    try:
        return connect(path)
    except FileNotFoundError:
        pass
    except ConnectionRefusedError:
        posix.unlink(path)  # its server was killed
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(BACKLOG)
    start(listener, python)
    posix.close(lock)
    return connect(path)


def start(listener: _socket.socket, python: bytes) -> None:
    """Start the server on a socket that listens already: whoever connects now is served when it has imported all,
    and hears at once when it dies over it."""
    child = posix.fork()
    if child:
        posix.waitpid(child, 0)
        return
    try:
        posix.setpgid(0, 0)  # Ray kills a worker's whole process group
        if posix.fork():
            posix._exit(0)
        posix.dup2(posix.open("/dev/null", posix.O_RDONLY), 0)
        posix.dup2(listener.fileno(), LISTENER)
        posix.set_inheritable(LISTENER, True)
        posix.closerange(LISTENER + 1, 1 << 16)
        root = __file__.rsplit("/", 2)[0]
        posix.execv(python, [python, b"-c", SERVE.format(root=root).encode()])
    finally:
        posix._exit(1)


if __name__ == "__main__":
    main()
