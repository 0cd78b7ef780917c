"""The zygote: a small process with one thread, from which workers are forked in less than a millisecond.

Forking the caller's own process would be as quick, and wrong: its threads may hold locks that nobody in the child would ever
release. Starting a new Python for each worker would be right, and 50 times as slow. (Source: the design, 0.8 and 49 ms)

::

    parent ══ a socket of packets ═══▶ zygote ──fork──▶ worker, worker, ...
           ◀═══ who was born, who died ═══

====== ====== ======================================================= ==============================================================
packet from   payload                                                 meaning
====== ====== ======================================================= ==============================================================
W      parent number, name; 5 descriptors: inbox, outbox, arena,      fork a worker
              stdout, stderr
K      parent number                                                  kill it: only we know that its process id is still its own
A      parent number                                                  ask it for its stacks, by a signal: for the same reason
P      parent pickled (sys.path, names of modules)                    import them, for those who are forked from now on
B      zygote number, process id                                      born
D      zygote number, wait status                                     died
N      zygote number, errno                                           not born: it could not be forked
T      zygote number of threads, or what the trial ended with         what was asked for with P starts threads: not imported
====== ====== ======================================================= ==============================================================

It ends, and kills its workers, when the parent's end of the socket is closed, or the parent has died. If it dies itself, the kernel
kills its workers (``die_with_parent``), and the parent sees the end of the socket.
"""

from __future__ import annotations

import _signal
import _socket
import os
import select
import sys
from _pickle import loads
from functools import partial
from mmap import mmap

from atonce._machine.kernel import die_with_parent, register_for_fences
from atonce._machine.nesting import enter_worker_process
from atonce._wire.arena_reader import ArenaReader
from atonce._wire.arena_writer import ArenaWriter
from atonce._wire.frames import Inlet, Outlet
from atonce._workers.process.child import Child
from atonce._workers.process.claims import Claims
from atonce._workers.process.forward import set_up_streams
from atonce._workers.process.protocol import STACKS, WORDS_BYTES
from atonce._workers.process.stacks import SIGNAL, show_stacks_when_asked

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

__all__ = ("main", "work")

_PACKET_BYTES = 1 << 16  # a path to import from may be long
_DESCRIPTORS = 5


class Zygote:
    """Forks workers and tells how they end."""

    def __init__(self, control: Any, arena: int, *, fences: bool) -> None:
        self._control = control
        self._arena = arena
        self._fences = fences
        self._numbers: dict[int, int] = {}  # of the living, by process id
        self._wake, self._woken = os.pipe()
        self._parent = os.pidfd_open(os.getppid()) if hasattr(os, "pidfd_open") else -1

    def serve(self) -> None:
        """Serve the parent until it closes the socket or dies."""
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        _signal.signal(_signal.SIGCHLD, _ignore)
        _signal.set_wakeup_fd(self._woken)
        poll = select.poll()
        for end in (self._control.fileno(), self._wake, self._parent):
            if end >= 0:
                poll.register(end, select.POLLIN)
        while True:
            ready = {end for end, _ in poll.poll()}
            if self._wake in ready:
                self._bury()
            if self._parent in ready or (self._control.fileno() in ready and not self._obey()):
                break
        for pid in self._numbers:
            os.kill(pid, _signal.SIGKILL)

    def _obey(self) -> bool:
        try:
            packet, ancillary, _, _ = self._control.recvmsg(_PACKET_BYTES, _socket.CMSG_SPACE(4 * _DESCRIPTORS))
        except OSError:
            return False
        if not packet:
            return False
        letter, rest = packet[:1], packet[1:]
        if letter == b"W":
            ends = [end for _, _, data in ancillary for end in _integers(data)]
            number, name = rest.decode(errors="replace").split(" ", 1)  # a long one is cut, perhaps in a character
            self._fork(int(number), name, ends)
        elif letter in {b"A", b"K"}:
            for pid, number_of in self._numbers.items():
                if number_of == int(rest):
                    os.kill(pid, _signal.SIGKILL if letter == b"K" else SIGNAL)
        elif letter == b"P":
            self._preload(*loads(rest))
        return True

    def _preload(self, path: list[str], names: tuple[str, ...]) -> None:
        """Import modules, unless that would start threads: with more than one, this were no zygote. A child tries it first."""
        sys.path[:] = path
        try:
            pid = os.fork()
        except OSError:
            return  # there is no process to spare; each worker imports for itself, then
        if pid == 0:
            os._exit(min(255, _import_all(names)))
        threads = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if threads == 1:
            _import_all(names)
        else:
            self._tell(b"T%d" % threads)

    def _fork(self, number: int, name: str, ends: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(b"N%d %d" % (number, error.errno or 0))
            pid = -1
        if pid == 0:
            self._become_worker(name, ends)
        if pid > 0:
            self._numbers[pid] = number
            self._tell(b"B%d %d" % (number, pid))
        for end in ends:
            os.close(end)

    def _become_worker(self, name: str, ends: list[int]) -> NoReturn:
        status = 1
        try:
            zygote = os.getppid()
            die_with_parent()
            if os.getppid() != zygote:
                os._exit(1)  # the zygote died before the kernel knew what to do then
            _signal.set_wakeup_fd(-1)
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
            self._control.close()
            for end in (self._wake, self._woken, self._parent):
                if end >= 0:
                    os.close(end)
            inbox, outbox, arena, *voices = ends
            for end, standard in zip(voices, (1, 2), strict=True):
                os.dup2(end, standard)
                os.close(end)
            work(name, inbox, outbox, arena, self._arena, fences=self._fences)
            status = 0
        except BaseException:
            import traceback  # noqa: PLC0415

            traceback.print_exc()
        finally:
            _leave(status)

    def _bury(self) -> None:
        os.read(self._wake, _PACKET_BYTES)
        while self._numbers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._numbers.pop(pid, None)
            if number is not None:
                self._tell(b"D%d %d" % (number, status))

    def _tell(self, packet: bytes) -> None:
        try:
            self._control.send(packet)
        except OSError:
            return  # the parent is gone, which the next look shows


def work(name: str, inbox: int, outbox: int, arena: int, parents_arena: int, *, fences: bool) -> None:
    """Be a worker until the parent closes the pipe.

    Args:
        name: of the main thread, for people.
        inbox: messages from the parent.
        outbox: messages to the parent.
        arena: the file of its words and its large results.
        parents_arena: the file of large items.
        fences: whether the parent uses fences; else both take a lock.
    """
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # Ctrl-C goes to every process of the terminal; the parent decides for all
    enter_worker_process()
    set_up_streams()
    words = memoryview(mmap(arena, WORDS_BYTES)).cast("q")
    if fences and not register_for_fences():
        raise OSError("the parent can use memory fences, and this process cannot")
    # What the function forks must not hold our ends open: the parent would wait for them, or their memory be kept.
    os.register_at_fork(after_in_child=lambda: _close_all(inbox, outbox, arena, parents_arena))
    _name_thread(name)
    words[STACKS] = show_stacks_when_asked() + 1
    claims = Claims(words, None if fences else _Lock(arena))
    results, items = ArenaWriter(arena, header_bytes=WORDS_BYTES), ArenaReader(parents_arena)
    Child(Inlet(inbox), Outlet(outbox), words, claims, results, items).serve()


class _Lock:
    """The lock of the worker's arena that stands for a fence: on the first byte of its words."""

    def __init__(self, arena: int) -> None:
        from fcntl import LOCK_EX, LOCK_UN, lockf  # noqa: PLC0415 (only where there are no fences)

        self._take: Callable[[], None] = partial(lockf, arena, LOCK_EX, 1)
        self._give: Callable[[], None] = partial(lockf, arena, LOCK_UN, 1)

    def __call__(self, step: Callable[[], int]) -> int:
        self._take()
        try:
            return step()
        finally:
            self._give()


def _leave(status: int) -> NoReturn:
    """End as a Python program does: wait for threads, run what was registered, flush; and never return into the zygote's code."""
    try:
        threading = sys.modules.get("threading")
        if threading is not None:
            threading._shutdown()  # noqa: SLF001 (what the interpreter itself calls; there is no public way)
        atexit = sys.modules.get("atexit")
        if atexit is not None:
            atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        import traceback  # noqa: PLC0415

        traceback.print_exc()
    finally:
        os._exit(status)


def _name_thread(name: str) -> None:
    try:
        with open("/proc/self/comm", "wb") as comm:  # noqa: PTH123 (pathlib costs 5 ms)
            comm.write(name.encode(errors="replace")[-15:])
    except OSError:
        return


def _close_all(*ends: int) -> None:
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def _import_all(names: tuple[str, ...]) -> int:
    """Import modules, and count the threads that there are then."""
    for name in names:
        try:
            __import__(name)
        except BaseException as error:
            os.write(2, f"atonce: {name} could not be imported ahead: {type(error).__name__}: {error}\n".encode())
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 (pathlib costs 5 ms)
    except OSError:
        return 1


def _integers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data), 4)]


def _ignore(_number: int, _frame: object) -> None:
    """Only the wake-up counts."""


def main() -> None:
    """Serve the parent over descriptor 3, with its arena in descriptor 4."""
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    os.closerange(5, 1 << 16)
    for end in (3, 4):
        os.set_inheritable(end, False)
    import _sitebuiltins  # noqa: PLC0415 (for exit() and quit(), which site makes and -S leaves out)
    import builtins  # noqa: PLC0415
    import gc  # noqa: PLC0415

    for name in ("exit", "quit"):
        if not hasattr(builtins, name):
            setattr(builtins, name, _sitebuiltins.Quitter(name, ""))
    sys.path[:] = sys.path[:-1]
    gc.collect()
    gc.freeze()  # so that collecting garbage in a worker does not touch, and copy, the pages that all share
    zygote = Zygote(_socket.socket(fileno=3), 4, fences=sys.argv[2:3] != ["locks"])
    zygote.serve()
    os._exit(0)  # there is nothing to clean up, and the parent waits
