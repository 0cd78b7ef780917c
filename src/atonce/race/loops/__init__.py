"""asyncio under control: loops whose order the strategy decides, on virtual time, running asyncio's own tasks and locks."""

from __future__ import annotations

from atonce.race.loops.patching import loops_patched
from atonce.race.loops.running import run_coroutine_function, settle
from atonce.race.loops.waiting import current, waiting

__all__ = ("current", "loops_patched", "run_coroutine_function", "settle", "waiting")
