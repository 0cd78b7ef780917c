"""The portable nursery: workers started by ``multiprocessing``'s spawn, where there can be no zygote (macOS).

Slower to start, and otherwise the same: the workers have the same pipes, the same arenas and the same program.
"""

import multiprocessing
import os
import selectors
import threading
from contextlib import contextmanager, suppress
from multiprocessing import process, reduction, spawn
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any, NoReturn

from atonce._wire.arena import open_arena
from atonce._workers.process.launch import Born, Died, News, Unborn, above_standard_streams
from atonce._workers.process.stacks import SIGNAL
from atonce._workers.process.zygote import work

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("SpawnNursery",)

_PREFIX = "atonce-spawned-"  # of the names of our processes


class Ends:
    """Descriptors on their way to a process that is being spawned."""

    def __init__(self, *ends: int) -> None:
        self.ends = ends

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, tuple(reduction.DupFd(end) for end in self.ends)


def _arrived(*ends: Any) -> "Ends":
    return Ends(*(end.detach() for end in ends))


class SpawnNursery:
    """Starts each worker as a fresh Python. Belongs to the supervisor's thread."""

    fences = False  # memory fences are Linux's; elsewhere a lock stands for them

    def __init__(self) -> None:
        self.arena = open_arena()
        self._context = multiprocessing.get_context("spawn")
        self._selector = selectors.DefaultSelector()
        self._living: dict[int, SpawnProcess] = {}
        self._told: list[News] = []
        self._their_end, self._lifeline = (above_standard_streams(end) for end in os.pipe())
        self._waker, self._wake = (above_standard_streams(end) for end in os.pipe())
        self._selector.register(self._waker, selectors.EVENT_READ)

    def fileno(self) -> int:
        """The descriptor that is readable when there is news."""
        return self._selector.fileno()  # epoll's and kqueue's have one

    def bear(self, number: int, name: str, ends: list[int]) -> None:
        """Start a worker."""
        passed = Ends(*ends, self.arena, self._their_end)
        child = self._context.Process(target=_become_worker, args=(name, passed), name=f"{_PREFIX}{number}")
        try:
            with _main_left_alone():
                child.start()
        except OSError as error:
            self._told.append(Unborn(number, error))
        else:
            process._children.discard(child)  # type: ignore[attr-defined]  # noqa: SLF001 (else the program waits for it at its end)
            self._living[number] = child
            self._selector.register(child.sentinel, selectors.EVENT_READ, number)
            assert child.pid is not None
            self._told.append(Born(number, child.pid))
        os.write(self._wake, b"!")

    def kill(self, number: int) -> None:
        """End a worker now, if it is still there."""
        if number in self._living:
            self._living[number].kill()

    def ask(self, number: int) -> None:
        """Have a worker write its stacks."""
        if (pid := self._living[number].pid if number in self._living else None) is not None:
            os.kill(pid, SIGNAL)

    def preload(self, modules: tuple[str, ...]) -> None:
        """Do nothing: there is no process that would keep them for others."""

    def news(self) -> list[News]:
        """Tell who was born and who died."""
        for key, _ in self._selector.select(0):
            if key.data is None:
                os.read(self._waker, 4096)
                continue
            child = self._living.pop(key.data)
            self._selector.unregister(key.fileobj)
            child.join()
            self._told.append(Died(key.data, child.exitcode or 0))
            child.close()
        told, self._told = self._told, []
        return told

    def close(self) -> None:
        """Kill who is left, and close."""
        for child in self._living.values():
            child.kill()
            child.join()
            child.close()
        self.forget()

    def successor(self) -> NoReturn:
        """Not needed: nothing here can die but the workers."""
        raise AssertionError("a nursery that is no process cannot be gone")

    def forget(self) -> None:
        """Close what is open, the lifeline first: without it, the workers end."""
        for end in (self._lifeline, self._wake, self._waker, self._their_end, self.arena):
            with suppress(OSError):
                os.close(end)
        with suppress(OSError):  # a forked process has no kqueue
            self._selector.close()


@contextmanager
def _main_left_alone() -> "Iterator[None]":
    """Keep spawn from running the caller's script again in the worker, to have its functions there. Ours come by value."""
    original = spawn.get_preparation_data

    def prepared(name: str) -> dict[str, Any]:
        data = original(name)
        if name.startswith(_PREFIX):  # another thread may be starting a process of its own
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
        return data

    spawn.get_preparation_data = prepared
    try:
        yield
    finally:
        spawn.get_preparation_data = original


def _become_worker(name: str, passed: Ends) -> None:
    inbox, outbox, arena, stdout, stderr, parents_arena, lifeline = passed.ends
    for end, standard in ((stdout, 1), (stderr, 2)):
        os.dup2(end, standard)
        os.close(end)
    for end in (inbox, outbox, arena, parents_arena, lifeline):
        os.set_inheritable(end, False)
    threading.Thread(target=_die_with_parent, args=(lifeline,), name="atonce lifeline", daemon=True).start()
    work(name, inbox, outbox, arena, parents_arena, fences=False)


def _die_with_parent(lifeline: int) -> NoReturn:
    """End at once when the parent is gone, even in the middle of an item: its end of this pipe closes whatever ends it."""
    try:
        os.read(lifeline, 1)
    finally:
        os._exit(1)
