"""Where worker processes come from: forked from a zygote, or, where that cannot be, started by ``multiprocessing``'s spawn.

Both give the supervisor the same thing: somebody to ask for a worker, and one descriptor that is readable when there is news.
"""

from __future__ import annotations

import errno
import os
import sys
from _pickle import dumps
from contextlib import ExitStack, suppress
from fcntl import F_DUPFD_CLOEXEC, fcntl

from atonce._machine.kernel import fence
from atonce._values.typed import NamedTuple, Protocol
from atonce._wire.arena import open_arena
from atonce.errors import EngineUnavailable

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = (
    "Born",
    "Died",
    "Gone",
    "News",
    "Nursery",
    "Unborn",
    "ZygoteNursery",
    "above_standard_streams",
    "choose_nursery",
    "close_spare",
    "explained",
    "forget_spare",
    "make_ahead",
    "take_nursery",
)

_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from atonce._workers.process.zygote import main; main()"
_HOME = __file__.rsplit(os.sep, 4)[0]  # the folder that holds the package
_FORCE = "ATONCE_WORKERS_BY"  # "zygote" or "spawn", for tests and for those whose platform we judge wrongly
_CONTROL, _ARENA = 3, 4  # the zygote's descriptors
_ROOM_S = 5.0  # how long a zygote may be busy, with importing ahead, when a packet finds no room


class Born(NamedTuple):
    """A worker has a process now."""

    number: int
    pid: int


class Unborn(NamedTuple):
    """A worker could not be given a process: the system has none to spare."""

    number: int
    error: OSError


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


News = Born | Unborn | Died | Gone


class Nursery(Protocol):
    """Makes worker processes. Belongs to the supervisor's thread.

    Attributes:
        arena: descriptor of the file of what the parent sends.
        fences: whether memory fences order what both sides read and write in a worker's words; else both take a lock.
    """

    arena: int
    fences: bool

    def fileno(self) -> int:
        """The descriptor that is readable when there is news."""

    def bear(self, number: int, name: str, ends: list[int]) -> None:
        """Start a worker with these ends: inbox, outbox, arena, stdout, stderr. They stay the caller's to close."""

    def kill(self, number: int) -> None:
        """End a worker now, if it is still there."""

    def ask(self, number: int) -> None:
        """Have a worker write its stacks, if it is still there. Only one that has said that it can: others would die of it."""

    def preload(self, modules: tuple[str, ...]) -> None:
        """Have modules imported, for workers that are started from now on, where that can be done once for all."""

    def news(self) -> list[News]:
        """Tell what has happened since the last call."""

    def close(self) -> None:
        """End it. Its workers have ended, or are killed."""

    def successor(self) -> Nursery:
        """Make another one with the same arena, where somebody's data may lie. This one is gone, and is closed by that."""

    def forget(self) -> None:
        """In a process that was forked from this one: close what would keep the workers from seeing this one's end."""


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


_spare: list[Nursery] = []  # made ahead, for the next supervisor


def make_ahead() -> None:
    """Begin to make a nursery: it gets ready while the caller is still importing the rest of what it needs."""
    with suppress(OSError, EngineUnavailable):  # whoever needs it will hear of it
        _spare.append(choose_nursery()())


def take_nursery() -> Nursery:
    """Return a nursery, perhaps one that was made ahead."""
    return _spare.pop() if _spare else choose_nursery()()


def close_spare() -> None:
    """Close what was made ahead and not needed after all."""
    while _spare:
        _spare.pop().close()


def forget_spare() -> None:
    """In a process that was forked from this one: leave it alone."""
    while _spare:
        _spare.pop().forget()


class ZygoteNursery:
    """Has workers forked by a zygote. See ``zygote.py`` for what the two say to each other."""

    def __init__(self, arena: int | None = None) -> None:
        import _socket  # noqa: PLC0415 (the module socket, around it, costs 5 ms)

        if not sys.executable:
            raise EngineUnavailable("this Python does not know its own executable (sys.executable), so it cannot start processes")
        self.fences = os.environ.get("ATONCE_FENCES") != "no" and fence()
        self.arena = open_arena() if arena is None else arena
        with ExitStack() as in_any_case, ExitStack() as undo:
            if arena is None:
                undo.callback(os.close, self.arena)
            ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
            in_any_case.callback(theirs.close)
            self._control = _socket.socket(fileno=above_standard_streams(ours.detach()))
            undo.callback(self._control.close)
            self._control.setblocking(False)
            self._pid = self._spawn(theirs.fileno())
            undo.pop_all()

    def _spawn(self, theirs: int) -> int:
        # Out of the way of the numbers that they get, so that neither is overwritten before it has been copied.
        copies = [int(fcntl(end, F_DUPFD_CLOEXEC, _ARENA + 1)) for end in (theirs, self.arena)]
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
        packet = b"W%d %s" % (number, name.encode(errors="replace")[:200])
        with suppress(ConnectionError):  # if it is gone, its end of the socket says so
            try:
                self._control.sendmsg([packet], ancillary)
            except BlockingIOError:
                self._wait_for_room()
                self._control.sendmsg([packet], ancillary)

    def kill(self, number: int) -> None:
        """Have a worker killed, by the one who knows whether its process id is still its own."""
        self._send(b"K%d" % number)

    def ask(self, number: int) -> None:
        """Have a worker write its stacks."""
        self._send(b"A%d" % number)

    def preload(self, modules: tuple[str, ...]) -> None:
        """Have modules imported, for workers that are forked from now on."""
        if modules:
            self._send(b"P" + dumps((sys.path, modules), 5))

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
            elif letter == b"N":
                told.append(Unborn(int(words[0]), OSError(int(words[1]), os.strerror(int(words[1])))))
            elif letter == b"D":
                told.append(Died(int(words[0]), os.waitstatus_to_exitcode(int(words[1]))))
            elif letter == b"T":
                print(  # noqa: T201
                    f"atonce: nothing is imported ahead: {_trouble(int(words[0]))}",
                    file=sys.stderr,
                )

    def close(self) -> None:
        """Close the socket, which ends the zygote, and wait for that."""
        self._end()
        os.close(self.arena)

    def successor(self) -> ZygoteNursery:
        """Make another one with the same arena."""
        self._end()
        return ZygoteNursery(self.arena)

    def _end(self) -> None:
        self._control.close()
        with suppress(ChildProcessError):  # somebody else waited for it: a program that reaps whatever it finds
            os.waitpid(self._pid, 0)

    def forget(self) -> None:
        """In a process that was forked from this one: close what would keep the workers, or the memory, alive."""
        self._control.close()
        with suppress(OSError):
            os.close(self.arena)

    def _send(self, packet: bytes) -> None:
        with suppress(OSError):  # if it is gone, its end of the socket says so
            try:
                self._control.send(packet)
            except BlockingIOError:
                self._wait_for_room()
                self._control.send(packet)

    def _wait_for_room(self) -> None:
        """Let the zygote take what it has been sent, some hundred packets: it does little else."""
        import select  # noqa: PLC0415

        room = select.poll()
        room.register(self._control.fileno(), select.POLLOUT)
        room.poll(_ROOM_S * 1e3)


def _trouble(threads: int) -> str:
    if threads < 1:
        return "a trial of it came to a bad end"
    return f"with it there are {threads} threads, and forking is not safe then"


def explained(error: OSError) -> OSError:
    """Say with an error what it was that could not be done, and what to do about it."""
    what = {
        errno.EMFILE: "each worker keeps six descriptors open here, and needs ten more to start: raise the limit (ulimit -n)",
        errno.EAGAIN: "there are too many processes: raise the limit (ulimit -u, or pids.max of the control group)",
    }.get(error.errno or 0, "the system has no room for another process")
    error.add_note(f"a worker process could not be started: {what}, or take fewer workers (max_workers=)")
    return error


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
    if sys.flags.dont_write_bytecode:
        flags.append("-B")
    if sys.flags.optimize:
        flags.append("-" + "O" * sys.flags.optimize)
    plain = not (sys.warnoptions or sys._xoptions or any(getattr(sys.flags, name) for name in _TELLING_FLAGS))  # noqa: SLF001
    if not plain:
        import subprocess  # noqa: PLC0415 (10 ms)

        repeat: Callable[[], list[str]] = subprocess._args_from_interpreter_flags  # type: ignore[attr-defined]  # noqa: SLF001
        flags += [flag for flag in repeat() if flag not in {"-S", "-P", "-B", "-O", "-OO"}]
    return flags


_TELLING_FLAGS = (
    "debug",
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
