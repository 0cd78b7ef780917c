"""What this computer's speed is: measured once, quickly, when first needed, and kept in the user's cache directory.

::

    constants() ── file of this machine ── there and sound ────────────────────────────▶ Constants, in memory from then on
                                        └─ not there, or broken ── measure (3 ms), store ─┘
    learn(...) ── how long workers took to start ── smooth, clamp ── store

A few things are measured by doing them, in the calling thread: a copy, and pickling. How long worker processes
take to start is only learned from those that somebody wanted: none is started for the sake of it.

There is one file for each machine, Python and version of atonce, so that computers that share a home directory do not overwrite
what the others know. It is JSON that is read without ``json``, whose import takes 7 ms, longer than measuring afresh: what counts
is a file that looks exactly as if it had been written now. Whatever else is there is no error; it is measured again, and replaced.
"""

from __future__ import annotations

import os
import sys
import threading
from _pickle import dumps, loads
from binascii import crc32
from contextlib import suppress
from math import inf

from atonce._machine.cache import cache_directory, read_beginning, replace_file
from atonce._machine.clock import SYSTEM_CLOCK
from atonce._machine.cpus import gil_is_held, usable_cpus
from atonce._values.typed import NamedTuple

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from collections.abc import Callable

    from atonce._machine.clock import Clock

__all__ = ("CALIBRATION", "Calibration", "Constants")


class Constants(NamedTuple):
    """What things cost on this computer. The defaults are what they cost where they were measured.

    Attributes:
        cold_start_s: seconds until a worker process delivers, where the zygote has to be started too; imports come on top.
        warm_start_s: the same where the zygote is there.
        ship_item_s: seconds that an item costs the parent in a batch, even one that costs nothing.
        copy_bytes_per_s: what goes one way through shared memory, both ends together.
    """

    cold_start_s: float = 0.03  # Measured: benchmarks/peers/first_result.py
    warm_start_s: float = 0.005  # Measured: benchmarks/peers/first_result.py
    ship_item_s: float = 0.4e-6  # Measured: benchmarks/peers/tiny.py, what is left of the cost of an item that costs nothing
    copy_bytes_per_s: float = 4e9  # Measured: benchmarks/peers/arrays.py, 8 MiB there and back through an arena in 3 ms


_LEAST = Constants(0.001, 0.001, 1e-8, 1e8)  # Assumes: nothing outside of these is true of any computer
_MOST = Constants(5.0, 5.0, 1e-4, 1e12)

_USUAL_COPY_S, _USUAL_PICKLING_S = 17e-6, 48e-6  # Measured: _copy_s() and _pickling_s(), Python 3.11, 2 CPUs of a Xeon at 2.1 GHz
_MOST_FACTOR = 4.0  # Assumes: no computer is further from that one in what matters; what is in the CPU's cache exaggerates

_COPIED_BYTES = 512 * 1024  # more takes too long to get from the system: 0.7 ms a MiB
_PICKLED_ITEMS = 1000
_FEWEST_TRIES, _MOST_TRIES = 3, 5  # the first is slow, up to four times: what it needs is not in the CPU's cache
_LONGEST_S = 0.0005  # for all tries of one measurement, if the fewest are done

# Weights of the newest start. Whatever else goes on only makes it longer, so what takes long is believed slowly. (Measured: started
# beside the other programs of a benchmark, processes took 50-85 ms, and were not hired from then on; alone they took 10-35)
_SHORTER, _LONGER = 0.5, 0.1
_LARGEST_FILE_BYTES = 4096
_CPU_INFO = "/proc/cpuinfo"
_CPU_NAMES = ("cpu family", "model", "model name", "CPU implementer", "CPU variant", "CPU part", "cpu", "uarch")


class Calibration:
    """Knows the constants of this computer. Any thread."""

    def __init__(self, directory: str | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        """Make one that knows nothing yet.

        Args:
            directory: where files are kept; empty for nowhere, ``None`` for where the environment says when it is first needed.
            clock: where the time is read.
        """
        self._directory = directory
        self._clock = clock
        self._lock = threading.RLock()  # held while files are read and written; re-entrant: a signal may come in between
        self._constants: Constants | None = None  # Written under _lock, replaced as a whole
        self._key = ""  # Written under _lock, before _constants

    def constants(self) -> Constants:
        """Return what is known: from memory, or the cache, or measured now, which takes about 3 ms."""
        known = self._constants
        if known is not None:
            return known
        with self._lock:
            if self._constants is None:  # nobody else was faster
                self._find_out()
            assert self._constants is not None
            return self._constants

    def learn(self, *, cold_start_s: float | None = None, warm_start_s: float | None = None) -> None:
        """Remember how long worker processes took that were really started.

        What another program has learned since this one read the file is lost. Assumes: it has seen much the same.

        Args:
            cold_start_s: seconds until one delivered for which the zygote had to be started too.
            warm_start_s: seconds until one delivered where the zygote was there.
        """
        with self._lock:
            before = self.constants()
            after = before._replace(
                cold_start_s=_smoothed(before.cold_start_s, cold_start_s),
                warm_start_s=_smoothed(before.warm_start_s, warm_start_s),
            )
            if after != before:
                self._constants = after
                self._store(after)

    def forget(self) -> None:
        """In a process that was forked from this one: whoever held the lock is not here. What is known is still true."""
        self._lock = threading.RLock()

    def _find_out(self) -> None:
        """Read the file, or measure and write it. Under the lock."""
        if self._directory is None:
            self._directory = cache_directory()
        self._key = _machine_key()
        found = _parsed(read_beginning(self._path(), _LARGEST_FILE_BYTES), self._key) if self._directory else None
        self._constants = _measured(self._clock) if found is None else found
        if found is None:
            self._store(self._constants)

    def _store(self, constants: Constants) -> None:
        if self._directory:
            with suppress(OSError):  # read-only, full, or no directory: then it is measured again next time
                replace_file(self._path(), _rendered(constants, self._key))

    def _path(self) -> str:
        return f"{self._directory}/machine-{crc32(self._key.encode()):08x}.json"


def _smoothed(before_s: float, seen_s: float | None) -> float:
    if seen_s is None or not 0 <= seen_s < inf:  # not seen, or by a clock that is out of order
        return before_s
    seen_s = min(_MOST.cold_start_s, max(_LEAST.cold_start_s, seen_s))
    return before_s + (_SHORTER if seen_s < before_s else _LONGER) * (seen_s - before_s)


# ---- measuring ------------------------------------------------------------------------------------------------------------------


def _measured(clock: Clock) -> Constants:
    """Measure what can be measured quickly, with the defaults as the scale of the rest.

    What is left of the cost of an item is the work of an interpreter written in C on small objects, as pickling small numbers is. A
    way through shared memory is two copies, and the speed of memory. So both are said to be as many times slower or faster than the
    default as the small thing that is measured here. CPU time counts for them: this thread waits for the GIL again and again.
    """
    usual = Constants()
    return usual._replace(
        ship_item_s=usual.ship_item_s * _factor(_pickling_s(clock), _USUAL_PICKLING_S),
        copy_bytes_per_s=usual.copy_bytes_per_s / _factor(_copy_s(clock), _USUAL_COPY_S),
    )


def _factor(took_s: float, usual_s: float) -> float:
    if took_s <= 0:  # a clock with ticks of some milliseconds
        return 1.0
    return min(_MOST_FACTOR, max(1 / _MOST_FACTOR, took_s / usual_s))


def _pickling_s(clock: Clock) -> float:
    numbers = list(range(_PICKLED_ITEMS))
    return _best_s(lambda: loads(dumps(numbers)), clock.thread_cpu)


def _copy_s(clock: Clock) -> float:
    memory = memoryview(bytearray(b"\1") * (2 * _COPIED_BYTES))  # written to: pages that nobody has touched are all the same one
    there, here = memory[:_COPIED_BYTES], memory[_COPIED_BYTES:]

    def copy() -> None:
        here[:] = there

    return _best_s(copy, clock.thread_cpu)


def _best_s(action: Callable[[], object], read: Callable[[], float]) -> float:
    """Return the shortest time of a few tries: whatever else goes on only makes them longer."""
    best_s, spent_s = inf, 0.0
    for tries in range(1, _MOST_TRIES + 1):
        begun = read()
        action()
        took_s = read() - begun
        best_s, spent_s = min(best_s, took_s), spent_s + took_s
        if tries >= _FEWEST_TRIES and spent_s >= _LONGEST_S:
            break
    return best_s


# ---- which machine it is --------------------------------------------------------------------------------------------------------


def _machine_key() -> str:
    """Name everything that constants depend on, in plain characters that may stand in JSON as they are."""
    from atonce import __version__  # noqa: PLC0415 (read at call time: a test may swap it)

    version = ".".join(map(str, sys.implementation.version))
    python = f"{sys.implementation.name} {version}{getattr(sys, 'abiflags', '')}"
    gil = "with GIL" if gil_is_held() else "without GIL"
    key = "; ".join((f"atonce {__version__}", python, gil, _cpu_model(), f"{usable_cpus()} CPUs", _kernel()))
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "?" for c in key)


def _cpu_model() -> str:
    """Say what CPU this is. Where nothing tells its model, its architecture has to do."""
    # Not the whole file: it has a part for each CPU, and the kernel only writes what is read.
    first = read_beginning(_CPU_INFO, _LARGEST_FILE_BYTES).partition(b"\n\n")[0].decode(errors="replace")
    lines = [line.partition(":") for line in first.splitlines()]
    known = [value.strip() for name, _, value in lines if name.strip() in _CPU_NAMES]
    if hasattr(os, "uname"):
        known.append(os.uname().machine)
    else:  # platform.processor() looks there too, and starts a process elsewhere
        known.append(os.environ.get("PROCESSOR_IDENTIFIER", ""))
    return " ".join(known)


def _kernel() -> str:
    if sys.platform == "win32":
        return f"Windows {sys.getwindowsversion().build}"
    system = os.uname()
    return f"{system.sysname} {system.release}"


# ---- the file -------------------------------------------------------------------------------------------------------------------


def _rendered(constants: Constants, key: str) -> bytes:
    values = zip(Constants._fields, constants, strict=True)
    lines = [f'"machine": "{key}"', *(f'"{name}": {value!r}' for name, value in values)]
    return ("{\n  " + ",\n  ".join(lines) + "\n}\n").encode()


def _parsed(text: bytes, key: str) -> Constants | None:
    """Read what ``_rendered`` has written for the same key; ``None`` for anything else, and for what cannot be true."""
    lines = text.splitlines()[2:-1]
    try:
        constants = Constants(*(float(line.rpartition(b":")[2].strip(b" ,")) for line in lines))
    except (TypeError, ValueError):  # not as many, or no numbers
        return None
    sane = all(least <= value <= most for least, value, most in zip(_LEAST, constants, _MOST, strict=True))
    return constants if sane and _rendered(constants, key) == text else None


CALIBRATION = Calibration()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CALIBRATION.forget)
