"""The second eye: is told of opcodes as they are executed, and knows nothing of what they do.

It serves two purposes: runs that are switched at random opcodes, in which accesses come to light that the table does not know; and
code without source, which cannot be rewritten. It is open for one run at a time, and costs nothing while it is closed.

From 3.12 on, `sys.monitoring` tells of the instructions of single code objects. On 3.11 a trace function does, which is one for a
thread: if somebody else has set one, a debugger or a coverage tool, this eye stays closed. (From 3.12 on trace functions miss the
opcodes of code that runs for the first time.)
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from atonce.race.eye.compiling import children
from atonce.race.switching import Counter

if TYPE_CHECKING:
    from atonce.race.eye.swapping import Eye
    from atonce.race.scheduler import Scheduler
    from atonce.race.switching import Switches

__all__ = ("Opcodes",)

_monitoring: Any = getattr(sys, "monitoring", None)
_NAME = "atonce.race"
_TOOLS = (3, 4, 2, 5, 1, 0)  # those without a name of their own first

Trace = Callable[[FrameType, str, Any], Any]


class Opcodes:
    """Looks at the opcodes of code that another eye has found.

    Args:
        eye: it is open when this one is asked.
    """

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._codes: dict[bool, list[CodeType]] = {}

    @property
    def closed(self) -> str:
        """Why it cannot look, in words; empty if it can."""
        if _monitoring is None:
            return "a debugger or a coverage tool traces" if sys.gettrace() or threading.gettrace() else ""
        return "other tools use all of sys.monitoring" if _free_tool() is None else ""

    @property
    def unseen(self) -> int:
        """How many functions without source there are."""
        return len(self._eye.blind)

    @property
    def name(self) -> str:
        """How it looks, beside the other eye, in words; empty if there is nothing to say."""
        if self.closed:
            return f"not between opcodes: {self.closed}"
        count = self.unseen
        return f"opcodes for {count} function{'s' * (count != 1)} without source" if count else ""

    @contextmanager
    def during(self, run: Scheduler, switches: Switches) -> Iterator[None]:
        """Let others go at opcodes, during one run. If it cannot look, nothing is done.

        Args:
            run: it has not begun.
            switches: says at which.
        """
        run.between = counter = Counter(run, switches)
        codes = self._codes_of(everywhere=switches.everywhere)
        if self.closed:
            yield
        else:
            with _traced(run, codes, counter.step) if _monitoring is None else _monitored(codes, counter.step):
                yield

    def _codes_of(self, *, everywhere: bool) -> list[CodeType]:
        if everywhere not in self._codes:
            blind = [code for outer in self._eye.blind for code in _with_inner(outer)]
            codes = [*self._eye.codes(), *blind] if everywhere else blind
            self._codes[everywhere] = list({id(code): code for code in codes}.values())
        return self._codes[everywhere]


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    """Yield code, and that of the functions that it makes."""
    yield code
    for inner in children(code):
        yield from _with_inner(inner)


# ---------------------------------------------------------------- from 3.12 on


def _free_tool() -> int | None:
    return next((tool for tool in _TOOLS if _monitoring.get_tool(tool) is None), None)


@contextmanager
def _monitored(codes: list[CodeType], step: Callable[..., None]) -> Iterator[None]:
    tool = _free_tool()
    assert tool is not None
    instruction = _monitoring.events.INSTRUCTION
    _monitoring.use_tool_id(tool, _NAME)
    try:
        _monitoring.register_callback(tool, instruction, step)
        for code in codes:
            _monitoring.set_local_events(tool, code, instruction)
        yield
    finally:
        for code in codes:
            _monitoring.set_local_events(tool, code, 0)
        _monitoring.register_callback(tool, instruction, None)
        _monitoring.free_tool_id(tool)


# ---------------------------------------------------------------- 3.11


@contextmanager
def _traced(run: Scheduler, codes: list[CodeType], step: Callable[..., None]) -> Iterator[None]:
    wanted = {id(code) for code in codes}

    def of_thread(frame: FrameType, _: str, __: Any) -> Trace | None:
        if id(frame.f_code) not in wanted:
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return of_frame

    def of_frame(_: FrameType, event: str, __: Any) -> Trace | None:
        if event == "opcode" and wanted:
            step()
        return of_frame if wanted else None

    def around(body: Callable[[], None]) -> Callable[[], None]:
        return lambda: _with_trace(of_thread, body)

    run.around = around
    try:
        yield
    finally:
        wanted.clear()  # for a thread that hangs, and comes back later


def _with_trace(trace: Trace, body: Callable[[], None]) -> None:
    """Do what a task does, in its thread, under a trace function; a debugger's is left alone, if it came first or comes later."""
    if sys.gettrace() is None:
        sys.settrace(trace)
    try:
        body()
    finally:
        if sys.gettrace() is trace:
            sys.settrace(None)
