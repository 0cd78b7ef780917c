"""A second set of workloads, written without a look at how the manager chooses. It has been tuned on them since."""

import asyncio
import hashlib
import http.client
import os
import random
import sqlite3
import string
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from scratch import folder
from tuned import PORT, Workload, burn, numbers, of_a_generator

__all__ = ("WORKLOADS",)


# ---- computes, and holds the GIL ------------------------------------------------------------------------------------------------

NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: str) -> dict[str, int]:
    return dict(Counter(text.lower().translate(NO_PUNCTUATION).split()))


def edit_distance(pair: tuple[str, str]) -> int:
    left, right = pair
    above = list(range(len(right) + 1))
    for row, one in enumerate(left, 1):
        line = [row]
        for column, other in enumerate(right, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (one != other)))
        above = line
    return above[-1]


def index(number: int) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for place in range(38_000):
        found.setdefault(f"word{(place * place + number) % 1009}", set()).add(100_000 + place)
    return found


def sort_strings(names: list[str]) -> str:
    return sorted(names, key=str.lower)[len(names) // 2]


def growing(number: int) -> int:
    return burn(18_000 + number * 3_455)  # 1 ms at first, 20 ms for number 99


def burn_200us(_: int) -> int:
    return burn(3_600)


def burn_300ms(_: int) -> int:
    return burn(5_400_000)


LOCK = threading.Lock()


def locked_computation(number: int) -> int:
    with LOCK:
        return burn(36_000) + number


# ---- computes in C --------------------------------------------------------------------------------------------------------------


def sort_and_fft(array: Any) -> float:
    import numpy as np

    return float(np.abs(np.fft.rfft(np.sort(array))).max())


def own_generator(seed: int) -> float:
    import numpy as np

    return float(np.random.default_rng(seed).normal(size=1000).mean())


# ---- asks the system ------------------------------------------------------------------------------------------------------------


def database_opened(question: tuple[str, int]) -> int:
    path, customer = question
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("select sum(price) from orders where customer = ?", (customer,)).fetchone()[0])
    finally:
        connection.close()


def small_files(paths: list[str]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for path in paths:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


# ---- waits ----------------------------------------------------------------------------------------------------------------------


def sleep_5ms(number: int) -> int:
    time.sleep(0.005)
    return number


def jitter(number: int) -> int:
    time.sleep((10 + number * 37 % 91) / 1e3)  # 10 to 100 ms
    return number


def compute_then_wait(number: int) -> int:
    total = burn(90_000)
    time.sleep(0.015)
    return total + number


def http_60ms(_: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    try:
        connection.request("GET", "/steady/60")
        return len(connection.getresponse().read())
    finally:
        connection.close()


_mine = threading.local()


def http_24_at_a_time(_: int) -> int:
    if getattr(_mine, "process", None) != os.getpid():
        _mine.process, _mine.connection = os.getpid(), http.client.HTTPConnection("127.0.0.1", PORT)
    _mine.connection.request("GET", "/saturates/10/24")
    return len(_mine.connection.getresponse().read())


async def async_sleep_5ms(number: int) -> int:
    await asyncio.sleep(0.005)
    return number


# ---- the inputs -----------------------------------------------------------------------------------------------------------------


def texts() -> list[str]:
    draw = random.Random(11)
    known = ["".join(draw.choices(string.ascii_letters, k=draw.randint(2, 10))) for _ in range(800)]
    return [", ".join(draw.choices(known, k=3000)) + "." for _ in range(40)] * 25


def pairs() -> list[tuple[str, str]]:
    draw = random.Random(12)
    return [("".join(draw.choices("acgt", k=60)), "".join(draw.choices("acgt", k=50))) for _ in range(900)]


def lists_of_strings() -> list[list[str]]:
    draw = random.Random(13)
    return [["".join(draw.choices(string.ascii_letters, k=12)) for _ in range(10_000)] for _ in range(10)] * 16


def arrays() -> list[Any]:
    import numpy as np

    return [np.random.default_rng(seed).random(1 << 17) for seed in range(16)] * 14


def questions() -> list[tuple[str, int]]:
    path = str(folder() / "orders.db")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table orders (customer int, price int)")
        connection.executemany("insert into orders values (?, ?)", ((n % 500, n * 31 % 1009) for n in range(10_000)))
    connection.close()
    return [(path, number % 500) for number in range(1000)]


def folders_of_files() -> list[list[str]]:
    draw = random.Random(14)
    paths = [folder() / f"note{number}.txt" for number in range(400)]
    for path in paths:
        path.write_bytes(draw.randbytes(draw.randint(200, 6000)))
    names = [str(path) for path in paths]
    return [names[start : start + 20] for start in range(0, 400, 20)] * 75


WORKLOADS = {
    "words": Workload(words, texts, "process"),
    "edit distance": Workload(edit_distance, pairs, "process"),
    "index": Workload(index, numbers(50), "process"),
    "sort strings": Workload(sort_strings, lists_of_strings, "process"),
    "growing": Workload(growing, numbers(100), "process"),
    "200 us, no length": Workload(burn_200us, of_a_generator(5000), "process"),
    "300 ms, two": Workload(burn_300ms, numbers(2), "process"),
    "locked computation": Workload(locked_computation, numbers(300), "process"),
    "sort and fft": Workload(sort_and_fft, arrays, "process"),
    "own generator": Workload(own_generator, numbers(20_000), "process"),
    "database opened": Workload(database_opened, questions, "thread"),
    "small files": Workload(small_files, folders_of_files, "thread"),
    "sleep 5 ms, thirty": Workload(sleep_5ms, numbers(30), "thread"),
    "jitter": Workload(jitter, numbers(200), "thread"),
    "compute, then wait": Workload(compute_then_wait, numbers(200), "thread"),
    "http 60 ms": Workload(http_60ms, numbers(200), "thread"),
    "http 24 at a time": Workload(http_24_at_a_time, numbers(1500), "thread"),
    "async sleep 5 ms": Workload(async_sleep_5ms, numbers(3000), "async"),
}
