"""The progress line: done, failed, rate, time left, engine and workers.

In a terminal a live line, in a notebook a widget, and in a log a plain line every few seconds. It counts outcomes, never starts.

tqdm draws it: rich draws a prettier one, but takes 60 ms and four packages to import, and a line that is drawn while the user's own
code prints belongs to a library that most of them use already. (Measured: python -X importtime -c "import rich.progress")
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TextIO

from atonce._machine.clock import SYSTEM_CLOCK, Clock
from atonce._values.events import BatchDone, Event, RunBegan, RunEnded, WorkersHired

__all__ = ("ProgressLine",)

# Left of the bar what identifies, right of it what changes; the bar takes what room is left, so that a narrow window cuts no word.
_KNOWN = "{desc}: {percentage:3.0f}% |{bar}| {n:,}/{total:,}{postfix}, {remaining} left"
_UNKNOWN = "{desc}: {n:,} done{postfix}, {elapsed}"
_COLUMNS = 80  # for a terminal that does not know its width
_REDRAW_S = 0.1
_LOG_EVERY_S = 5.0


class Display(Protocol):
    """Where progress is shown."""

    def show(self, state: "State") -> None:
        """Show how things stand."""
        ...

    def close(self, state: "State") -> None:
        """Show how things stood at the end."""
        ...


class State:
    """How things stand. Guarded by: the line's lock.

    Attributes:
        name: what the work is called.
        total: items in all, where the input can tell.
        done: items with an outcome.
        failed: how many of those failed.
        workers: who is at work, in words.
        seconds: time since the run began.
    """

    __slots__ = ("done", "failed", "name", "seconds", "total", "workers")

    def __init__(self, name: str, total: int | None) -> None:
        self.name = name
        self.total = total
        self.done = 0
        self.failed = 0
        self.workers = "calling thread"
        self.seconds = 0.0

    @property
    def rate(self) -> str:
        """Items a second since the run began, to three digits."""
        rate = self.done / self.seconds if self.seconds else 0.0
        return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"  # noqa: PLR2004

    @property
    def known_total(self) -> int | None:
        """The total, unless the input held more than it said."""
        return self.total if self.total is not None and self.total >= self.done else None


class ProgressLine:
    """Listens to a run's events, from any thread, and shows them from a thread of its own: no worker waits for a screen."""

    def __init__(self, description: str | None = None, stream: TextIO | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._description = description
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._state = State(description or "", None)  # Guarded by: _lock
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._begun = clock.now()

    def handle(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, BatchDone):
            with self._lock:
                self._state.done += event.items
                self._state.failed += event.failed
        elif isinstance(event, WorkersHired):
            with self._lock:
                self._state.workers = _in_words(event)
        elif isinstance(event, RunBegan):
            self._begin(event)
        elif isinstance(event, RunEnded):
            self._end()

    def _begin(self, event: RunBegan) -> None:
        with self._lock:
            self._state.name = self._description or event.name
            self._state.total = event.length
        self._begun = self._clock.now()
        self._thread = threading.Thread(target=self._show, name="atonce-progress", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _show(self) -> None:
        with suppress(Exception):  # a screen that has gone, or a log on a full disk, is no reason to stop the work
            self._show_until_the_end()

    def _show_until_the_end(self) -> None:
        stream = self._stream or sys.stderr
        live = _in_notebook() or stream.isatty()
        display: Display = _Live(stream, self._now()) if live else _Log(stream)
        while not self._ended.wait(_REDRAW_S if live else _LOG_EVERY_S):
            display.show(self._now())
        display.close(self._now())

    def _now(self) -> State:
        with self._lock:
            self._state.seconds = self._clock.now() - self._begun
            return self._state


class _Live:
    """A line that is drawn again and again, or a notebook's widget."""

    def __init__(self, stream: TextIO, state: State) -> None:
        self._bar = _make_bar(stream, state)

    def show(self, state: State) -> None:
        """Draw."""
        bar = self._bar
        bar.total = state.known_total
        bar.bar_format = _UNKNOWN if bar.total is None else _KNOWN
        bar.n = state.done
        failed = f"{state.failed:,} failed, " if state.failed else ""
        bar.set_postfix_str(f"{failed}{state.workers}, {state.rate}/s", refresh=False)
        self._draw(lambda: bar.refresh(nolock=True))  # tqdm would keep its lock if drawing failed, and the program would never end

    def close(self, state: State) -> None:
        """Draw a last time, and leave the line standing."""
        self.show(state)
        self._draw(self._bar.close)

    def _draw(self, how: Callable[[], object]) -> None:
        try:
            how()
        except Exception:
            self._bar.disable = True  # so that the bar does not try once more when it is collected
            raise


def _make_bar(stream: TextIO, state: State) -> Any:
    if _in_notebook():
        from tqdm.auto import tqdm  # noqa: PLC0415 (a widget where ipywidgets is installed)
    else:
        from tqdm import tqdm  # noqa: PLC0415 (only for those who want to see)
    tqdm.monitor_interval = 0  # this thread is the monitor
    width = {"dynamic_ncols": True} if _knows_its_width(stream) else {"ncols": _COLUMNS}
    return tqdm(desc=state.name, total=state.known_total, file=stream, bar_format=_UNKNOWN, leave=True, **width)


def _knows_its_width(stream: TextIO) -> bool:
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError):
        return False


class _Log:
    """A plain line now and then, for a file that people read later. Nothing for a run that is over before the first is due."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False

    def show(self, state: State) -> None:
        """Write a line."""
        self._shown = True
        rate = state.done / state.seconds if state.seconds else 0.0
        total = state.known_total
        parts = [f"{state.done:,} of {total:,} done" if total is not None else f"{state.done:,} done"]
        if state.failed:
            parts.append(f"{state.failed:,} failed")
        parts.append(f"{state.rate} items/s")
        if total is not None and rate and total > state.done:
            parts.append(f"{(total - state.done) / rate:,.0f} s left")
        parts.append(state.workers)
        print(f"{state.name}: {', '.join(parts)}", file=self._stream, flush=True)

    def close(self, state: State) -> None:
        """Write how it ended, if anything was written before."""
        if self._shown:
            self.show(state)


def _in_words(event: WorkersHired) -> str:
    if event.kind == "inline":
        return "calling thread"
    if event.kind == "async":
        return f"event loop x {event.in_flight:,}"
    kind = event.kind if event.workers == 1 else event.kind + ("es" if event.kind.endswith("s") else "s")
    inner = f" x {event.in_flight:,}" if event.in_flight > 1 else ""
    return f"{event.workers:,} {kind}{inner}"


def _in_notebook() -> bool:
    """Tell whether this is a notebook's kernel, without importing IPython for it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
