"""A fourth set of workloads, written without a look at the manager, and first run when it had been frozen.

They are meant to be what people map over, and none does what one of the three other sets does.
"""

import ast
import asyncio
import bz2
import csv
import gzip
import http.client
import io
import os
import random
import sqlite3
import stat
import string
import struct
import subprocess
import textwrap
import threading
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

from scratch import folder
from tuned import PORT, Workload, numbers

__all__ = ("WORKLOADS",)


# ---- computes, and holds the GIL ------------------------------------------------------------------------------------------------

DOUBLED = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))


def valid_card(digits: str) -> bool:
    return (sum(map(int, digits[-1::-2])) + sum(map(DOUBLED.__getitem__, digits[-2::-2]))) % 10 == 0


def wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, 72, initial_indent="  * ", subsequent_indent="    ")


def invoice_total(lines: list[tuple[int, str, str]]) -> str:
    total = Decimal(0)
    for amount, price, rate in lines:
        total += (amount * Decimal(price) * (1 + Decimal(rate) / 100)).quantize(Decimal("0.01"))
    return f"{total:,}"


def in_utc(line: str) -> tuple[str, str]:
    when, _, message = line.partition(" ")
    return datetime.strptime(when, "%d/%b/%Y:%H:%M:%S%z").astimezone(UTC).isoformat(), message


def names_used(source: str) -> tuple[int, int]:
    tree = ast.parse(source)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return len(names), len(compile(tree, "<generated>", "exec").co_consts)


READING = struct.Struct("<HIfd")


def mean_reading(block: bytes) -> float:
    total = count = 0.0
    for channel, _, value, weight in READING.iter_unpack(block):
        if channel % 4:
            total += value * weight
            count += weight
    return total / count


class Links(HTMLParser):
    """Collects where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def links(page: str) -> list[str]:
    parser = Links()
    parser.feed(page)
    return parser.found


def as_csv(table: list[tuple[int, str, float]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("number", "name", "amount"))
    writer.writerows(table)
    return out.getvalue()


def knapsack(things: list[tuple[int, int]]) -> int:
    best = [0] * 401
    for weight, value in things:
        for room in range(400, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[-1]


def life(seed: int) -> int:
    """Return how many cells live after a few generations of a random start."""
    draw = random.Random(seed)
    alive = {(row, column) for row in range(40) for column in range(40) if draw.random() < 0.3}
    for _ in range(6):
        near = Counter((row + i, column + j) for row, column in alive for i in (-1, 0, 1) for j in (-1, 0, 1))
        alive = {cell for cell, count in near.items() if count == 3 or (count == 4 and cell in alive)}
    return len(alive)


def place_queens(free: int, left: int, down: int, right: int) -> int:
    if not free:
        return 1
    count, places = 0, free & ~(left | right)
    while places:
        place = places & -places
        places ^= place
        count += place_queens(free ^ place, (left | place) << 1, down | place, (right | place) >> 1)
    return count


def queens(first: int) -> int:
    """Return in how many ways 13 queens can be placed when the first one stands there."""
    place = 1 << first
    return place_queens((1 << 13) - 1 ^ place, place << 1, place, place >> 1)


# ---- computes in C --------------------------------------------------------------------------------------------------------------


def unpacked_checksum(blob: bytes) -> int:
    return zlib.crc32(zlib.decompress(blob))


def bzip(text: bytes) -> bytes:
    return bz2.compress(text)


def lines_in_gzip(path: str) -> int:
    with gzip.open(path) as file:
        return file.read().count(b"\n")


def julia(constant: complex) -> int:
    import numpy as np

    places = np.linspace(-1.5, 1.5, 400) + 1j * np.linspace(-1.2, 1.2, 300)[:, None]
    inside = np.ones(places.shape, dtype=bool)
    for _ in range(20):
        places = np.where(inside, places * places + constant, places)
        inside &= np.abs(places) < 2
    return int(inside.sum())


# ---- asks the system ------------------------------------------------------------------------------------------------------------


def described(path: str) -> tuple[str, int, str]:
    found = os.stat(path)  # noqa: PTH116 (as people write it)
    return stat.filemode(found.st_mode), found.st_size, path.rpartition(".")[2]


_mine = threading.local()


def basket_price(basket: tuple[str, list[int]]) -> int:
    """Ask for each article in turn, as a mapper of objects does."""
    path, articles = basket
    if getattr(_mine, "process", None) != os.getpid():
        _mine.process, _mine.connection = os.getpid(), sqlite3.connect(path)
    query = "select price * (100 - discount) from articles join groups using (team) where article = ?"
    return sum(_mine.connection.execute(query, (article,)).fetchone()[0] for article in articles)


def sorted_by_program(text: bytes) -> int:
    return len(subprocess.run(["sort", "-u"], input=text, capture_output=True, check=True).stdout)


# ---- waits ----------------------------------------------------------------------------------------------------------------------


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def poll(times: int) -> int:
    for _ in range(times):
        time.sleep(0.004)
    return times


def log_in_then_page(number: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    try:
        connection.request("GET", "/steady/12")
        token = connection.getresponse().read()
        connection.request("GET", f"/sized/24/{20_000 + number * 100}", headers={"Authorization": token[:20].decode()})
        return len(connection.getresponse().read())
    finally:
        connection.close()


def eight_at_a_time(_: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/saturates/35/8") as answer:
        return len(answer.read())


KEPT = bytes(range(256)) * 100


def scan(number: int) -> int:
    """Compute a checksum of what is at hand; for one in ten, of what has to be fetched first."""
    body = KEPT
    if number % 10 == 3:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/sized/120/30000") as answer:
            body = answer.read()
    checksum = number
    for byte in body:
        checksum = (checksum * 31 + byte) & 0xFFFFFFFF
    return checksum


async def async_pages(count: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        total = 0
        for _ in range(count):
            writer.write(b"GET /paced/12/500 HTTP/1.1\r\nHost: here\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            total += len(await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])))
        return total
    finally:
        writer.close()


async def async_slowest(delays: tuple[float, float, float]) -> float:
    return max(await asyncio.gather(*(asyncio.sleep(delay, delay) for delay in delays)))


# ---- the inputs -----------------------------------------------------------------------------------------------------------------


def some_words(draw: random.Random, count: int) -> list[str]:
    return ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 10))) for _ in range(count)]


def prose(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(some_words(draw, 400), k=count))


def cards() -> list[str]:
    draw = random.Random(61)
    return [f"{draw.randrange(10**16):016d}" for _ in range(2000)] * 100


def paragraphs() -> list[str]:
    draw = random.Random(62)
    return [prose(draw, draw.randint(40, 240)) for _ in range(300)] * 10


def invoices() -> list[list[tuple[int, str, str]]]:
    draw = random.Random(63)
    rates = ("7", "19", "5.5")
    return [
        [(draw.randint(1, 40), f"{draw.uniform(0.2, 900):.2f}", draw.choice(rates)) for _ in range(draw.randint(3, 40))]
        for _ in range(500)
    ] * 40


def logged() -> Iterator[str]:
    draw = random.Random(64)
    while (second := draw.randrange(100_000)) > 2:  # nobody knows how many come
        minute, hour = second // 60 % 60, second // 3600 % 24
        yield f"{1 + second % 28:02d}/Mar/2024:{hour:02d}:{minute:02d}:{second % 60:02d}+0{second % 6}00 GET /page/{second}"


def sources() -> list[str]:
    draw = random.Random(65)
    known = [f"{word}_" for word in some_words(draw, 60)]

    def function(number: int) -> str:
        a, b, c, d = draw.sample(known, 4)
        return f"def f{number}({a}, {b}=None):\n    {c} = [{d} * {number} for {d} in {a} if {d} != {b}]\n    return {c} or {a}\n"

    return ["\n".join(function(number) for number in range(draw.randint(5, 60))) for _ in range(400)]


def recordings() -> list[bytes]:
    draw = random.Random(66)
    return [
        b"".join(READING.pack(draw.randrange(16), number, draw.random(), 1 + draw.random()) for number in range(2000))
        for _ in range(30)
    ] * 80


def pages() -> list[str]:
    draw = random.Random(67)
    return [
        "".join(f'<li class="x"><a href="/{word}" title="{word}">{word}</a> &amp; more</li>\n' for word in some_words(draw, 120))
        for _ in range(40)
    ] * 8


def tables() -> list[list[tuple[int, str, float]]]:
    draw = random.Random(68)
    return [[(number, word, draw.random()) for number, word in enumerate(some_words(draw, 8000))] for _ in range(12)] * 12


def shelves() -> list[list[tuple[int, int]]]:
    draw = random.Random(69)
    return [[(draw.randint(5, 90), draw.randint(1, 500)) for _ in range(40)] for _ in range(400)]


def blobs() -> list[bytes]:
    draw = random.Random(70)
    return [zlib.compress(prose(draw, 20_000).encode() * 25, 1) for _ in range(8)] * 20


def chapters() -> list[bytes]:
    draw = random.Random(71)
    return [prose(draw, 20_000).encode() for _ in range(10)] * 9


def gzip_files() -> list[str]:
    draw = random.Random(72)
    paths = [folder() / f"log{number}.gz" for number in range(12)]
    for path in paths:
        path.write_bytes(gzip.compress(prose(draw, 100_000).replace(" a", "\n").encode() * 2, 3))
    return [str(path) for path in paths] * 12


def constants() -> list[complex]:
    draw = random.Random(73)
    return [complex(draw.uniform(-0.9, 0.3), draw.uniform(-0.7, 0.7)) for _ in range(40)]


def walked() -> Iterator[str]:
    draw = random.Random(74)
    for number in range(40):
        branch = folder() / "tree" / f"branch{number}"
        branch.mkdir(parents=True)
        for leaf in range(25):
            (branch / f"leaf{leaf}.{draw.choice(('txt', 'py', 'md'))}").write_bytes(bytes(draw.randint(0, 200)))
    for _ in range(100):
        for where, _, names in os.walk(folder() / "tree"):
            yield from (f"{where}/{name}" for name in names)


def baskets() -> list[tuple[str, list[int]]]:
    draw = random.Random(75)
    path = str(folder() / "shop.db")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table groups (team integer primary key, discount int)")
        connection.execute("create table articles (article integer primary key, team int, price int)")
        connection.executemany("insert into groups values (?, ?)", ((number, number % 30) for number in range(50)))
        connection.executemany("insert into articles values (?, ?, ?)", ((n, n % 50, n * 31 % 997) for n in range(20_000)))
    connection.close()
    return [(path, [draw.randrange(20_000) for _ in range(draw.randint(5, 60))]) for _ in range(4000)]


def word_lists() -> list[bytes]:
    draw = random.Random(76)
    return ["\n".join(some_words(draw, 5000)).encode() for _ in range(20)] * 8


def tail_of_seconds() -> list[float]:
    draw = random.Random(77)
    return [min(0.9, 0.012 * draw.paretovariate(1.2)) for _ in range(160)]


def polls() -> list[int]:
    draw = random.Random(78)
    return [draw.randint(1, 9) for _ in range(300)]


def page_counts() -> list[int]:
    draw = random.Random(79)
    return [draw.randint(1, 5) for _ in range(250)]


def delays() -> list[tuple[float, ...]]:
    draw = random.Random(80)
    return [tuple(draw.expovariate(1 / 0.02) for _ in range(3)) for _ in range(250)]


WORKLOADS = {
    "card numbers": Workload(valid_card, cards, "process"),
    "wrapped": Workload(wrapped, paragraphs, "process"),
    "invoices": Workload(invoice_total, invoices, "process"),
    "log as it comes": Workload(in_utc, logged, "process"),
    "sources": Workload(names_used, sources, "process"),
    "packed readings": Workload(mean_reading, recordings, "process"),
    "links": Workload(links, pages, "process"),
    "tables to csv": Workload(as_csv, tables, "process"),
    "knapsack": Workload(knapsack, shelves, "process"),
    "life": Workload(life, numbers(150), "process"),
    "queens, seven": Workload(queens, numbers(7), "process"),
    "decompress": Workload(unpacked_checksum, blobs, "process"),
    "bz2": Workload(bzip, chapters, "process"),
    "gzip files": Workload(lines_in_gzip, gzip_files, "thread"),
    "julia": Workload(julia, constants, "process"),
    "stat as walked": Workload(described, walked, "thread"),
    "baskets": Workload(basket_price, baskets, "thread"),
    "sorted by program": Workload(sorted_by_program, word_lists, "thread"),
    "tail of sleeps": Workload(wait, tail_of_seconds, "thread"),
    "sleep 600 ms, four": Workload(wait, lambda: [0.6] * 4, "thread"),
    "polled": Workload(poll, polls, "thread"),
    "http log in": Workload(log_in_then_page, numbers(140), "thread"),
    "http eight at once": Workload(eight_at_a_time, numbers(150), "thread"),
    "fetched if missing": Workload(scan, numbers(350), "thread"),
    "async pages": Workload(async_pages, page_counts, "async"),
    "async slowest of 3": Workload(async_slowest, delays, "async"),
}
