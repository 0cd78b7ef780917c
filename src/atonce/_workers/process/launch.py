"""Where worker processes come from: forked from a zygote, or, where that cannot be, started by ``multiprocessing``'s spawn.

Both give the supervisor the same thing: somebody to ask for a worker, and one descriptor that is readable when there is news.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from typing import NamedTuple, Protocol

from atonce._machine.kernel import fence, register_for_fences
from atonce._wire.arena import open_file
from atonce.errors import EngineUnavailable

__all__ = ("Born", "Died", "Gone", "News", "Nursery", "ZygoteNursery", "above_standard_streams", "choose_nursery")

_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from atonce._workers.process.zygote import main; main()"
_HOME = str(Path(__file__).parents[3])  # the folder that holds the package
_FORCE = "ATONCE_WORKERS_BY"  # "zygote" or "spawn", for tests and for those whose platform we judge wrongly
_CONTROL, _ARENA = 3, 4  # the zygote's descriptors


class Born(NamedTuple):
    """A worker has a process now."""

    number: int
    pid: int


class Died(NamedTuple):
    """A worker's process has ended.

    Attributes:
        number: whose.
        status: as ``os.waitstatus_to_exitcode`` gives it: negative for a signal.
    """

    number: int
    status: int


class Gone(NamedTuple):
    """The nursery itself is gone, and all its workers with it."""


News = Born | Died | Gone


class Nursery(Protocol):
    """Makes worker processes. Belongs to the supervisor's thread.

    Attributes:
        arena: descriptor of the shared file.
        fences: whether memory fences order what is read and written in it; else both sides take a lock.
    """

    arena: int
    fences: bool

    def fileno(self) -> int:
        """The descriptor that is readable when there is news."""
        ...

    def bear(self, number: int, name: str, ends: list[int]) -> None:
        """Start a worker with these ends: inbox, outbox, standard output, standard error. They stay the caller's to close."""
        ...

    def kill(self, number: int) -> None:
        """End a worker now, if it is still there."""
        ...

    def news(self) -> list[News]:
        """Tell what has happened since the last call."""
        ...

    def close(self) -> None:
        """End it. Its workers have ended, or are killed."""
        ...

    def forget(self) -> None:
        """In a process that was forked from this one: close what would keep the workers from seeing this one's end."""
        ...


def choose_nursery() -> Callable[[], Nursery]:
    """Decide how worker processes are made here. The only place that knows."""
    forced = os.environ.get(_FORCE)
    if forced == "spawn" or (forced != "zygote" and not _zygotes_work()):
        from atonce._workers.process.spawn import SpawnNursery  # noqa: PLC0415 (multiprocessing costs 15 ms)

        return SpawnNursery
    return ZygoteNursery


def _zygotes_work() -> bool:
    # macOS has no descriptors of processes, and its system libraries do not survive a fork without exec. Windows has no fork.
    return sys.platform == "linux" and hasattr(os, "posix_spawn") and hasattr(os, "pidfd_open")


class ZygoteNursery:
    """Has workers forked by a zygote. See ``zygote.py`` for what the two say to each other."""

    def __init__(self) -> None:
        import _socket  # noqa: PLC0415 (the module socket, around it, costs 5 ms)

        if not sys.executable:
            raise EngineUnavailable("this Python does not know its own executable (sys.executable), so it cannot start processes")
        self.fences = os.environ.get("ATONCE_FENCES") != "no" and register_for_fences() and fence()
        self.arena = open_file()
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._control = _socket.socket(fileno=above_standard_streams(ours.detach()))
        self._control.setblocking(False)
        try:
            self._pid = self._spawn(theirs.fileno())
        except BaseException:
            self.forget()
            os.close(self.arena)
            raise
        finally:
            theirs.close()

    def _spawn(self, theirs: int) -> int:
        # Out of the way of the numbers that they get, so that neither is overwritten before it has been copied.
        copies = [int(fcntl(end, F_DUPFD_CLOEXEC, 10)) for end in (theirs, self.arena)]
        try:
            return os.posix_spawn(
                sys.executable,
                [sys.executable, *_interpreter_flags(), "-P", "-c", _PROGRAM, _HOME, "fences" if self.fences else "locks"],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, copies[0], _CONTROL),
                    (os.POSIX_SPAWN_DUP2, copies[1], _ARENA),
                ],
                setsigmask=[],
            )
        finally:
            for copy in copies:
                os.close(copy)

    def fileno(self) -> int:
        """The descriptor that is readable when there is news."""
        return self._control.fileno()

    def bear(self, number: int, name: str, ends: list[int]) -> None:
        """Have a worker forked."""
        import _socket  # noqa: PLC0415

        rights = b"".join(end.to_bytes(4, sys.byteorder) for end in ends)
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)]
        with suppress(OSError):  # if it is gone, its end of the socket says so
            self._control.sendmsg([b"W%d %s" % (number, name.encode(errors="replace")[:200])], ancillary)

    def kill(self, number: int) -> None:
        """Have a worker killed, by the one who knows whether its process id is still its own."""
        self._send(b"K%d" % number)

    def preload(self, modules: tuple[str, ...]) -> None:
        """Have modules imported, for workers that are forked from now on."""
        if modules:
            self._send(b"P" + " ".join(modules).encode())

    def news(self) -> list[News]:
        """Tell who was born and who died."""
        told: list[News] = []
        while True:
            try:
                packet = self._control.recv(4096)
            except BlockingIOError:
                return told
            except OSError:
                packet = b""
            if not packet:
                return [*told, Gone()]
            letter, words = packet[:1], packet[1:].split()
            if letter == b"B":
                told.append(Born(int(words[0]), int(words[1])))
            elif letter == b"D":
                told.append(Died(int(words[0]), os.waitstatus_to_exitcode(int(words[1]))))
            elif letter == b"T" and int(words[0]) > 1:
                print(  # noqa: T201
                    f"atonce: what was imported ahead has started {int(words[0]) - 1} threads; forking is not safe then",
                    file=sys.stderr,
                )

    def close(self) -> None:
        """Close the socket, which ends the zygote, and wait for that."""
        self.forget()
        os.close(self.arena)
        with suppress(ChildProcessError):  # somebody else waited for it: a program that reaps whatever it finds
            os.waitpid(self._pid, 0)

    def forget(self) -> None:
        """Close the socket."""
        self._control.close()

    def _send(self, packet: bytes) -> None:
        with suppress(OSError):  # if it is gone, its end of the socket says so
            self._control.send(packet)


def above_standard_streams(end: int) -> int:
    """Move a descriptor away from 0, 1 and 2, which are free numbers in a program that was started without them."""
    if end > 2:  # noqa: PLR2004
        return end
    copy = fcntl(end, F_DUPFD_CLOEXEC, 3)
    os.close(end)
    return int(copy)


def _interpreter_flags() -> list[str]:
    """Repeat the options that this Python was started with (-W, -X, -O ...), and leave out ``site`` where nobody would miss it."""
    flags: list[str] = [] if _site_matters() else ["-S"]
    plain = not (sys.warnoptions or sys._xoptions or any(getattr(sys.flags, name) for name in _TELLING_FLAGS))  # noqa: SLF001
    if not plain:
        import subprocess  # noqa: PLC0415 (10 ms)

        repeat: Callable[[], list[str]] = subprocess._args_from_interpreter_flags  # type: ignore[attr-defined]  # noqa: SLF001
        flags += [flag for flag in repeat() if flag not in {"-S", "-P"}]
    return flags


_TELLING_FLAGS = (
    "debug",
    "optimize",
    "dont_write_bytecode",
    "no_user_site",
    "verbose",
    "bytes_warning",
    "isolated",
    "ignore_environment",
    "dev_mode",
)


def _site_matters() -> bool:
    """Tell whether ``site`` may have done more here than to extend ``sys.path``, which workers get anyway.

    It runs ``sitecustomize`` and the lines of ``.pth`` files, which may install import hooks: those of editable installs, for one.
    """
    if "sitecustomize" in sys.modules or "usercustomize" in sys.modules:
        return True
    return any(getattr(finder, "__module__", "").startswith("__editable__") for finder in sys.meta_path)
