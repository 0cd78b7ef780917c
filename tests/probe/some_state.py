"""State of all kinds, as a module has it when it has been imported."""

import datetime as dt
import enum
import functools
import logging
import pathlib
import re
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

Pair = namedtuple("Pair", "a b")  # noqa: PYI024 (people have them)


class Colour(enum.Enum):
    RED = 1


@dataclass
class Settings:
    name: str = "x"
    limits: dict = field(default_factory=lambda: {"a": 1})
    colour: Colour = Colour.RED


class Slotted:
    __slots__ = ("value",)


def helper(value, known=("a", "b")):
    return value


class Cached:
    @functools.cached_property
    def value(self):
        return 1


NUMBER, TEXT, NOTHING, BYTES = 1.5, "text " * 2000, None, b"bytes"
WORDS = {"one", "two", "three"}
FROZEN = frozenset(WORDS)
TABLE = {"a": [1, 2, {"b": (3, "c")}]}
LARGE = {str(n): n for n in range(1000)}
MANY_WORDS = {str(n) for n in range(1000)}
COUNTS = Counter("hello")
ORDERED = OrderedDict(a=1)
GROUPS = defaultdict(list, a=[1])
LINE = deque([1, 2], maxlen=3)
PAIR = Pair(1, {"a"})
COLOUR = Colour.RED
SETTINGS = Settings()
SLOTTED = Slotted()
CALLED = {"h": helper, "l": len, "f": lambda x: x, "c": Cached}
OBJECT = Cached()
PATTERN = re.compile("a+")
PATH = pathlib.PurePath("a/b")
DAY = dt.date(2020, 1, 2)
LOCK = threading.Lock()
LOGGER = logging.getLogger(__name__)
ARRAY = np.arange(10_000)
SPACE = SimpleNamespace(a=1)
BUFFER = bytearray(b"abc")
RING = []
RING.append(RING)
NAMES = tuple(name for name in dir() if name.isupper())
