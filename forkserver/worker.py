"""A forked process turned into the worker that was asked for: all that starting it anew would have set, set."""

import fcntl
import gc
import os
import signal
import socket
import sys
from pathlib import Path
from types import CodeType, ModuleType

from forkserver.request import Request


def take_over(request: Request, connection: socket.socket) -> None:
    """Take the shim's place in the system and let it go. Without its last word this process ends here."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # All of this before the shim is let go: what is read from its process goes with it.
    group = os.getpgid(request.shim)
    os.setpgid(0, 0 if group == request.shim else group)
    _raise_oom_score(request.shim)
    os.chdir(request.directory)
    connection = _restore_descriptors(request.descriptors, connection)
    connection.sendall(b"!")
    if not connection.recv(1):
        os._exit(0)
    connection.close()


def run(request: Request, code: CodeType | None) -> None:
    """Be the script of the request's first argument, whose code may be at hand already."""
    for name in os.environb.keys() - request.environment.keys():
        del os.environb[name]
    os.environb.update(request.environment)
    gc.enable()
    # `random` seeds itself anew in a fork and OpenSSL does, numpy does not.
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    script = request.arguments[0]
    sys.argv = request.arguments
    main = ModuleType("__main__")
    main.__dict__.update(__file__=script, __builtins__=__builtins__, __cached__=None, __annotations__={})
    sys.modules["__main__"] = main
    code = code or compile(Path(script).read_bytes(), script, "exec", dont_inherit=True)
    exec(code, main.__dict__)  # noqa: S102 - the worker itself


def _raise_oom_score(shim: int) -> None:
    """Be killed as readily when memory runs out: the raylet has seen to that for the process that it started."""
    own = Path("/proc/self/oom_score_adj")
    wanted = Path(f"/proc/{shim}/oom_score_adj").read_text()
    if int(wanted) > int(own.read_text()):
        own.write_text(wanted)


def _restore_descriptors(descriptors: dict[int, int], connection: socket.socket) -> socket.socket:
    """Put each under the number that it had in the shim, and close all else but the connection."""
    above = max(*descriptors, *descriptors.values(), connection.fileno()) + 1
    moved = {number: fcntl.fcntl(arrived, fcntl.F_DUPFD_CLOEXEC, above) for number, arrived in descriptors.items()}
    connection = socket.socket(fileno=fcntl.fcntl(connection.detach(), fcntl.F_DUPFD_CLOEXEC, above))
    os.closerange(0, above)
    for number, descriptor in moved.items():
        os.dup2(descriptor, number)
        os.close(descriptor)
    return connection
