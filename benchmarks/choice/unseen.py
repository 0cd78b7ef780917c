"""A third set of workloads, written without a look at how the choice is made, and after the manager was tuned on the others.

They are meant to be what people run: each differs from those of the two other sets in what it does and for how long.
"""

import asyncio
import hashlib
import heapq
import html
import http.client
import json
import lzma
import operator
import os
import random
import re
import sqlite3
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from scratch import folder
from tuned import PORT, Workload, numbers

__all__ = ("WORKLOADS",)


def longest_chain(first: int, count: int) -> int:
    """Return the most steps that any of some numbers takes to come down to 1 (halve it if even, else triple it and add 1)."""
    longest = 0
    for start in range(first, first + count):
        number, steps = start, 0
        while number > 1:
            number = 3 * number + 1 if number % 2 else number // 2
            steps += 1
        longest = max(longest, steps)
    return longest


# ---- computes, and holds the GIL ------------------------------------------------------------------------------------------------


def record_line(record: tuple[int, str, float]) -> str:
    number, name, amount = record
    return f"{number:08d} {name.title():<14}{amount:>12,.2f} {'debit' if amount < 0 else 'credit'}"


def xml_total(document: str) -> int:
    return sum(int(entry.get("price", 0)) * int(entry.findtext("amount", "0")) for entry in ET.fromstring(document))


def similarity(versions: tuple[str, str]) -> float:
    left, right = (version.split() for version in versions)
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


class Roads:
    """Roads of differing lengths on a square grid."""

    def __init__(self, side: int) -> None:
        draw = random.Random(31)
        self.side = side
        self.roads: dict[int, list[tuple[int, int]]] = {place: [] for place in range(side * side)}
        for place in range(side * side):
            for other in [place + 1] * ((place + 1) % side > 0) + [place + side] * (place + side < side * side):
                length = draw.randint(1, 20)
                self.roads[place].append((other, length))
                self.roads[other].append((place, length))

    def farthest(self, start: int) -> int:
        """Return how far it is from a place to the one that is farthest from it."""
        known: dict[int, int] = {}
        heap = [(0, start)]
        while heap:
            distance, place = heapq.heappop(heap)
            if place not in known:
                known[place] = distance
                for other, length in self.roads[place]:
                    if other not in known:
                        heapq.heappush(heap, (distance + length, other))
        return max(known.values())


def product(left: list[list[float]], right: list[list[float]]) -> list[list[float]]:
    columns = list(zip(*right, strict=True))
    return [[sum(map(operator.mul, row, column)) for column in columns] for row in left]


def outliers_beyond(limit: float) -> Callable[[list[float]], int]:
    def outliers(values: list[float]) -> int:
        middle, spread = statistics.mean(values), statistics.stdev(values)
        return sum(abs(value - middle) > limit * spread for value in values)

    return outliers


DASHED = re.compile(r"(?:[a-z]+-?)+@")


def dashed(text: str) -> bool:
    return DASHED.match(text) is not None  # takes twice as long with each letter, if there is no @


def addressees(text: str) -> tuple[str, list[str]]:
    from email import message_from_string, policy

    message = message_from_string(text, policy=policy.default)
    return str(message["subject"]), [address.addr_spec for address in message["to"].addresses]


def escape(page: str) -> str:
    return html.escape(page)


# ---- computes in C --------------------------------------------------------------------------------------------------------------


def sha512(block: bytes) -> str:
    return hashlib.sha512(block).hexdigest()


def squeeze(text: str) -> bytes:
    return lzma.compress(text.encode(), preset=1)


def scrypt(password: bytes) -> bytes:
    return hashlib.scrypt(password, salt=b"sodium chloride", n=1 << 14, r=8, p=1, maxmem=1 << 26)


def solve(system: tuple[Any, Any]) -> Any:
    import numpy as np

    return np.linalg.solve(*system)


def blur(picture: Any) -> Any:
    import numpy as np

    wide = np.pad(picture.astype(np.float32), 1, mode="edge")
    tall = wide[:-2] + wide[1:-1] + wide[2:]
    return ((tall[:, :-2] + tall[:, 1:-1] + tall[:, 2:]) / 9).astype(np.uint8)


def best_customer(orders: list[tuple[int, int]]) -> int:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("create table orders (customer int, price int)")
        connection.executemany("insert into orders values (?, ?)", orders)
        query = "select customer from orders group by customer order by sum(price) desc, customer limit 1"
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()


# ---- asks the system ------------------------------------------------------------------------------------------------------------


def size_of_tree(top: str) -> int:
    return sum(Path(where, name).stat().st_size for where, _, names in os.walk(top) for name in names)


def write_report(number: int) -> int:
    with tempfile.TemporaryDirectory(prefix="atonce-choice-") as where:
        path = Path(where) / "report.json"
        path.write_text(json.dumps({"number": number, "rows": list(range(number % 50))}), encoding="utf-8")
        return path.stat().st_size


def run_python(number: int) -> int:
    command = [sys.executable, "-I", "-S", "-c", f"print({number} ** 2)"]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


# ---- waits ----------------------------------------------------------------------------------------------------------------------


def sleep_350ms(number: int) -> int:
    time.sleep(0.35)
    return number


def wait_then_compute(job: tuple[float, int]) -> int:
    seconds, count = job
    time.sleep(seconds)
    return longest_chain(50_000, count)


@lru_cache(maxsize=256)
def rate(currency: str) -> float:
    time.sleep(0.04)
    return 1 + len(currency) / 100 + ord(currency[0]) / 1000


def in_euros(payment: tuple[str, float]) -> float:
    currency, amount = payment
    return amount * rate(currency)


def ask(path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def detail(_: int) -> int:
    return len(ask("/steady/18"))


def at_a_rate(_: int) -> int:
    return len(ask("/paced/30/150"))


def one_at_a_time(_: int) -> int:
    return len(ask("/saturates/3/1"))


def download(_: int) -> str:
    return hashlib.md5(ask("/sized/12/400000"), usedforsecurity=False).hexdigest()


async def async_wait_then_compute(job: tuple[float, int]) -> int:
    seconds, count = job
    await asyncio.sleep(seconds)
    return longest_chain(70_000, count)


async def async_ask(_: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        writer.write(b"GET /saturates/9/30 HTTP/1.1\r\nHost: here\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        return len(await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])))
    finally:
        writer.close()


# ---- the inputs -----------------------------------------------------------------------------------------------------------------


def some_words(draw: random.Random, count: int) -> list[str]:
    return ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(count)]


def records() -> list[tuple[int, str, float]]:
    names = some_words(random.Random(41), 500)
    return [(number, names[number % 500], (number * 7919 % 200_003 - 80_000) / 7) for number in range(200_000)]


def documents() -> Iterator[str]:
    draw = random.Random(42)
    while draw.random() > 0.00025:  # nobody knows how many come
        rows = (f'<entry price="{draw.randint(1, 500)}"><amount>{draw.randint(1, 9)}</amount></entry>' for _ in range(60))
        yield f"<entries>{''.join(rows)}</entries>"


def versions() -> list[tuple[str, str]]:
    draw = random.Random(43)
    known = some_words(draw, 200)
    olds = [draw.choices(known, k=1500) for _ in range(60)]
    return [(" ".join(old), " ".join(word for word in old if draw.random() < 0.85)) for old in olds]


def square(draw: random.Random) -> list[list[float]]:
    return [[draw.random() for _ in range(40)] for _ in range(40)]


def squares() -> list[list[list[float]]]:
    draw = random.Random(44)
    return [square(draw) for _ in range(300)]


def samples() -> list[list[float]]:
    draw = random.Random(45)
    return [[draw.gauss(10, 3) for _ in range(600)] for _ in range(40)] * 20


def dashed_texts() -> list[str]:
    draw = random.Random(46)
    return ["a" * min(18, 7 + int(3 * draw.paretovariate(0.9))) for _ in range(400)]


def mails() -> list[str]:
    draw = random.Random(47)
    names = zip(some_words(draw, 40), some_words(draw, 40), strict=True)
    people = [f"{first.title()} {last.title()} <{first}@{last}.example>" for first, last in names]
    return [f"From: {people[0]}\nTo: {', '.join(draw.sample(people, 3))}\nSubject: Note {n}\n\nHello\n" for n in range(400)]


def pages() -> list[str]:
    draw = random.Random(48)
    return ["".join(f'<p class="{word}">{word} & {word}</p>\n' for word in some_words(draw, 600)) for _ in range(25)] * 160


def blocks_of_4k() -> list[bytes]:
    draw = random.Random(49)
    return [draw.randbytes(4096) for _ in range(60)] * 600


def logs() -> list[str]:
    draw = random.Random(50)
    known = some_words(draw, 300)
    return [" ".join(draw.choices(known, k=7000)) for _ in range(30)] * 4


def systems() -> list[tuple[Any, Any]]:
    import numpy as np

    draw = np.random.default_rng(51)
    return [(draw.random((80, 80)), draw.random(80)) for _ in range(25)] * 100


def pictures() -> list[Any]:
    import numpy as np

    draw = np.random.default_rng(52)
    return [draw.integers(0, 256, (900, 1200), dtype=np.uint8) for _ in range(10)] * 8


def order_books() -> list[list[tuple[int, int]]]:
    draw = random.Random(53)
    return [[(draw.randint(1, 30), draw.randint(5, 900)) for _ in range(200)] for _ in range(50)] * 40


def trees() -> list[str]:
    draw = random.Random(54)
    tops = [folder() / f"tree{number}" for number in range(20)]
    for top in tops:
        for branch in ("a", "b/c", "b/d", "e"):
            (top / branch).mkdir(parents=True)
            for number in range(15):
                (top / branch / f"leaf{number}").write_bytes(bytes(draw.randint(0, 300)))
    return [str(top) for top in tops] * 75


def waiting_first() -> list[tuple[float, int]]:
    return [(0.008, 0)] * 150 + [(0.0, 400)] * 250


def mostly_waiting() -> list[tuple[float, int]]:
    draw = random.Random(55)
    return [(min(0.25, 0.006 * draw.paretovariate(1.3)), draw.randint(0, 300)) for _ in range(250)]


def payments() -> list[tuple[str, float]]:
    draw = random.Random(56)
    currencies = some_words(draw, 45)
    return [(draw.choice(currencies), draw.randint(100, 99_999) / 100) for _ in range(4000)]


def listed() -> Iterator[int]:
    for page in range(14):
        ask("/steady/25")  # the list comes page by page
        yield from range(page * 10, page * 10 + 10)


def async_jobs() -> list[tuple[float, int]]:
    draw = random.Random(57)
    return [(0.002 + draw.expovariate(1 / 0.012), 60) for _ in range(500)]


WORKLOADS = {
    "record lines": Workload(record_line, records, "process"),
    "xml as it comes": Workload(xml_total, documents, "process"),
    "similarity": Workload(similarity, versions, "process"),
    "roads": Workload(Roads(50).farthest, lambda: range(0, 2500, 17), "process"),
    "product of lists": Workload(partial(product, right=square(random.Random(40))), squares, "process"),
    "outliers": Workload(outliers_beyond(1.5), samples, "thread"),  # a function within a function: not to be pickled
    "backtracking": Workload(dashed, dashed_texts, "process"),
    "mails": Workload(addressees, mails, "process"),
    "escaped pages": Workload(escape, pages, "process"),
    "sha512 of 4 KB": Workload(sha512, blocks_of_4k, "process"),
    "lzma": Workload(squeeze, logs, "thread"),
    "scrypt, five": Workload(scrypt, lambda: [b"one", b"two", b"three", b"four", b"five"], "thread"),
    "solve": Workload(solve, systems, "process"),
    "blur": Workload(blur, pictures, "thread"),
    "sqlite in memory": Workload(best_customer, order_books, "process"),
    "size of trees": Workload(size_of_tree, trees, "thread"),
    "reports written": Workload(write_report, numbers(3000), "thread"),
    "pythons": Workload(run_python, numbers(80), "thread"),
    "sleep 350 ms, two": Workload(sleep_350ms, numbers(2), "thread"),
    "waiting first": Workload(wait_then_compute, waiting_first, "process"),
    "mostly waiting": Workload(wait_then_compute, mostly_waiting, "thread"),
    "cached": Workload(in_euros, payments, "thread"),
    "http page by page": Workload(detail, listed, "thread"),
    "http at a rate": Workload(at_a_rate, numbers(200), "thread"),
    "http one at a time": Workload(one_at_a_time, numbers(300), "thread"),
    "http downloads": Workload(download, numbers(250), "thread"),
    "async, computes": Workload(async_wait_then_compute, async_jobs, "async"),
    "async http": Workload(async_ask, numbers(500), "async"),
}
