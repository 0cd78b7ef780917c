"""The workloads that the manager was tuned on first."""

import asyncio
import hashlib
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ("WORKLOADS", "Workload")

PORT = int(os.environ.get("CHOICE_PORT", "0"))


class Workload(NamedTuple):
    """A function and its inputs.

    Attributes:
        fn: the function.
        items: makes the inputs.
        thumb: what the rule of thumb says about it: ``thread``, ``process`` or ``async``.
    """

    fn: Callable[[Any], Any]
    items: Callable[[], Iterable[Any]]
    thumb: str


def burn(turns: int) -> int:
    total = 0
    for number in range(turns):
        total += number * number % 7
    return total


# ---- computes, and holds the GIL ------------------------------------------------------------------------------------------------


def tiny(number: int) -> int:
    return number + 1


def burn_100us(_: int) -> int:
    return burn(1_800)


def burn_1ms(_: int) -> int:
    return burn(18_000)


def burn_50ms(_: int) -> int:
    return burn(900_000)


SMALL_JSON = json.dumps({"id": 1, "name": "a" * 20, "tags": ["x", "y"] * 10, "values": list(range(60))})


def json_small(text: str) -> Any:
    return json.loads(text)["id"]


def json_big(text: str) -> Any:
    return json.loads(text)


def json_big_length(text: str) -> int:
    return len(json.loads(text))


ADDRESS = re.compile(r"(\w+)@(\w+)\.com")


def regex(text: str) -> int:
    return len(ADDRESS.findall(text))


def big_result(number: int) -> list[int]:
    return list(range(number, number + 100_000))


def cold_import(_: int) -> int:
    for name in ("email.mime.multipart", "unittest.mock", "xml.dom.minidom"):
        import_module(name)
    return burn(18_000)


# ---- computes in C --------------------------------------------------------------------------------------------------------------


def sha_small(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()


def sha_big(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()


def compress(block: bytes) -> int:
    return len(zlib.compress(block, 6))


def pbkdf(number: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", b"secret", b"%d" % number, 8_000)


def eight_megabytes(block: bytes) -> int:
    return block[::4096].count(0)


def numpy_small(array: Any) -> float:
    return float((array * 2 + 1).sum())


def numpy_large(array: Any) -> float:
    import numpy as np

    return float(np.sqrt(array * array + 1.0).sum())


def numpy_matmul(array: Any) -> float:
    return float((array @ array)[0, 0])


# ---- asks the system ------------------------------------------------------------------------------------------------------------

FOLDER = Path(tempfile.gettempdir()) / "atonce-choice"
_mine = threading.local()


@cache
def files() -> list[str]:
    FOLDER.mkdir(exist_ok=True)
    paths = [FOLDER / f"file{number}" for number in range(16)]
    for path in paths:
        if not path.exists():
            path.write_bytes(os.urandom(65_536))
    return [str(path) for path in paths]


@cache
def database() -> str:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / "table.db"
    if not path.exists():
        with sqlite3.connect(path) as connection:
            connection.execute("create table numbers (k int, v int)")
            connection.executemany("insert into numbers values (?, ?)", ((n, n * 31 % 1009) for n in range(20_000)))
    return str(path)


def sqlite(number: int) -> Any:
    if getattr(_mine, "process", None) != os.getpid():
        _mine.process, _mine.connection = os.getpid(), sqlite3.connect(database())
    return _mine.connection.execute("select sum(v * v + ?) from numbers where k % 7 = ?", (number, number % 7)).fetchone()[0]


def read_file(path: str) -> int:
    with open(path, "rb") as file:  # noqa: PTH123 (as people write it)
        return len(file.read())


def run_program(_: int) -> int:
    return subprocess.run(["/bin/true"], check=False).returncode


# ---- waits ----------------------------------------------------------------------------------------------------------------------


def sleep_1ms(number: int) -> int:
    time.sleep(0.001)
    return number


def sleep_20ms(number: int) -> int:
    time.sleep(0.02)
    return number


def sleep_200ms(number: int) -> int:
    time.sleep(0.2)
    return number


def half_and_half(number: int) -> int:
    burn(90_000)
    time.sleep(0.005)
    return number


LOCK = threading.Lock()


def locked(number: int) -> int:
    with LOCK:
        time.sleep(0.005)
    return number


def _ask(path: bytes) -> int:
    if getattr(_mine, "asker", None) != os.getpid():
        _mine.asker, _mine.socket = os.getpid(), socket.create_connection(("127.0.0.1", PORT))
        _mine.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _mine.socket.sendall(b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n" % path)
    return len(_mine.socket.recv(65_536))


def http_1ms(_: int) -> int:
    return _ask(b"/steady/1")


def http_20ms(_: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/steady/20") as answer:
        return len(answer.read())


def http_200ms(_: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/steady/200") as answer:
        return len(answer.read())


def http_saturates(_: int) -> int:
    return _ask(b"/saturates/20")


def http_thrashes(_: int) -> int:
    return _ask(b"/thrashes/20")


async def async_sleep(number: int) -> int:
    await asyncio.sleep(0.05)
    return number


# ---- the inputs -----------------------------------------------------------------------------------------------------------------


def numbers(count: int) -> Callable[[], Iterable[int]]:
    return lambda: range(count)


def of_a_generator(count: int) -> Callable[[], Iterable[int]]:
    return lambda: (number for number in range(count))


def same(thing: Any, count: int) -> Callable[[], Iterable[Any]]:
    return lambda: [thing] * count


def heavy_tail() -> list[int]:
    draw = random.Random(7)
    return [int(min(2e6, 4000 * draw.paretovariate(1.1))) for _ in range(1500)]


def json_texts() -> list[str]:
    text = json.dumps([{"id": number, "name": f"name{number}", "v": [number, number + 1, 2.5]} for number in range(3000)])
    return [text] * 150


def blocks() -> list[bytes]:
    return [os.urandom(1 << 20) for _ in range(16)] * 40


def lines() -> list[bytes]:
    return [b"".join(b"line %d of text, %d\n" % (n, n * n % 97) for n in range(11_000))] * 100


def addresses() -> list[str]:
    return [" ".join(f"foo bar{n} a{n}@b.com" for n in range(600))] * 1500


def small_arrays() -> list[Any]:
    import numpy as np

    return [np.arange(100.0)] * 60_000


def large_arrays() -> list[Any]:
    import numpy as np

    return [np.random.default_rng(7).random(1 << 20) for _ in range(8)] * 16


def matrices() -> list[Any]:
    import numpy as np

    return [np.random.default_rng(7).random((700, 700)) for _ in range(4)] * 8


WORKLOADS = {
    "tiny": Workload(tiny, numbers(500_000), "process"),
    "json small": Workload(json_small, same(SMALL_JSON, 60_000), "process"),
    "sha small": Workload(sha_small, same(b"x" * 64, 300_000), "process"),
    "numpy small": Workload(numpy_small, small_arrays, "process"),
    "100 us": Workload(burn_100us, numbers(7000), "process"),
    "1 ms": Workload(burn_1ms, numbers(700), "process"),
    "1 ms, no length": Workload(burn_1ms, of_a_generator(700), "process"),
    "50 ms": Workload(burn_50ms, numbers(16), "process"),
    "50 ms, three": Workload(burn_50ms, numbers(3), "process"),
    "heavy tail": Workload(burn, heavy_tail, "process"),
    "cold import": Workload(cold_import, numbers(600), "process"),
    "json big": Workload(json_big, json_texts, "process"),
    "json big, length": Workload(json_big_length, json_texts, "process"),
    "regex": Workload(regex, addresses, "process"),
    "big result": Workload(big_result, numbers(200), "process"),
    "8 MB": Workload(eight_megabytes, same(bytes(8 << 20), 300), "process"),
    "sha big": Workload(sha_big, blocks, "process"),
    "zlib": Workload(compress, lines, "process"),
    "pbkdf": Workload(pbkdf, numbers(250), "process"),
    "numpy large": Workload(numpy_large, large_arrays, "process"),
    "numpy matmul": Workload(numpy_matmul, matrices, "process"),
    "sqlite": Workload(sqlite, numbers(500), "thread"),
    "files": Workload(read_file, lambda: files() * 1250, "thread"),
    "programs": Workload(run_program, numbers(300), "thread"),
    "sleep 1 ms": Workload(sleep_1ms, numbers(2000), "thread"),
    "sleep 20 ms": Workload(sleep_20ms, numbers(300), "thread"),
    "sleep 200 ms": Workload(sleep_200ms, numbers(50), "thread"),
    "half and half": Workload(half_and_half, numbers(200), "thread"),
    "locked": Workload(locked, numbers(100), "thread"),
    "http 1 ms": Workload(http_1ms, numbers(1500), "thread"),
    "http 20 ms": Workload(http_20ms, numbers(600), "thread"),
    "http 200 ms": Workload(http_200ms, numbers(60), "thread"),
    "http saturates": Workload(http_saturates, numbers(2500), "thread"),
    "http thrashes": Workload(http_thrashes, numbers(2500), "thread"),
    "async sleep": Workload(async_sleep, numbers(2000), "async"),
}
