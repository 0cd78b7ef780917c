"""The calls: `explore` looks for an order in which a function fails, `check` makes a test of that, `replay` runs one order again."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any, ParamSpec

from atonce.errors import OptionError
from atonce.race.budget import seconds_of
from atonce.race.minimise import minimise
from atonce.race.report import Report
from atonce.race.running import Runner
from atonce.race.scheduler import Scheduler
from atonce.race.search.plan import STRATEGIES, Plan
from atonce.race.search.strategy import Strategy

__all__ = ("check", "explore", "replay")
