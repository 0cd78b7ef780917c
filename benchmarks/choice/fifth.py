"""A fifth set of workloads, written without a look at the manager.

They are meant to be what people map over, and none does what one of the four other sets does.
"""

import asyncio
import hashlib
import http.client
import io
import json
import math
import os
import random
import re
import shutil
import sqlite3
import statistics
import string
import subprocess
import threading
import time
import unicodedata
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from scratch import folder
from tuned import PORT, Workload, numbers

__all__ = ("WORKLOADS",)


# ---- computes, and holds the GIL ------------------------------------------------------------------------------------------------

TOWNS = ((52.5, 13.4), (48.1, 11.6), (50.9, 7.0), (53.6, 10.0), (51.3, 12.4), (49.5, 11.1), (54.3, 10.1), (47.7, 9.2), (51.3, 9.5))
DEPOTS = [(math.radians(north), math.radians(east)) for north, east in TOWNS]


def nearest_depot(place: tuple[float, float]) -> tuple[int, float]:
    """Return which depot is the nearest as the crow flies, and how many kilometres that is."""
    north, east = math.radians(place[0]), math.radians(place[1])
    nearest, least = 0, math.inf
    for depot, (other_north, other_east) in enumerate(DEPOTS):
        half = math.sin((north - other_north) / 2) ** 2
        half += math.cos(north) * math.cos(other_north) * math.sin((east - other_east) / 2) ** 2
        if half < least:
            nearest, least = depot, half
    return nearest, 12_742 * math.asin(math.sqrt(least))


def without_tracking(address: str) -> str:
    parts = urlsplit(address)
    kept = sorted((key, value) for key, value in parse_qsl(parts.query) if not key.startswith(("utm_", "clid")))
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), urlencode(kept), ""))


def flattened(record: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    left: list[tuple[str, Any]] = list(record.items())
    while left:
        name, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{name}.{key}", part) for key, part in value.items()]
        elif isinstance(value, list):
            left += [(f"{name}[{place}]", part) for place, part in enumerate(value)]
        else:
            flat[name] = value
    return flat


MARKS = (
    (re.compile(r"^# (.+)$", re.MULTILINE), r"<h1>\1</h1>"),
    (re.compile(r"^- (.+)$", re.MULTILINE), r"<li>\1</li>"),
    (re.compile(r"\*\*(.+?)\*\*"), r"<b>\1</b>"),
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\[([^]]+)\]\(([^)]+)\)"), r'<a href="\2">\1</a>'),
)


def as_html(text: str) -> str:
    for mark, tag in MARKS:
        text = mark.sub(tag, text)
    return "\n".join(block if block.startswith("<") else f"<p>{block}</p>" for block in text.split("\n\n"))


def settings(text: str) -> dict[str, dict[str, str]]:
    parser = ConfigParser()
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


SMALL_PRIMES = [number for number in range(3, 400) if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))]


def probably_prime(number: int) -> bool:
    """Tell whether an odd number stands the test of Miller and Rabin."""
    if any(number % prime == 0 for prime in SMALL_PRIMES):
        return False
    twos = (number - 1 & 1 - number).bit_length() - 1
    for base in SMALL_PRIMES[:8]:
        power = pow(base, number - 1 >> twos, number)
        if power in {1, number - 1}:
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def next_prime(number: int) -> int:
    number |= 1
    while not probably_prime(number):
        number += 2
    return number


LINES = [(cell // 9, 9 + cell % 9, 18 + cell // 27 * 3 + cell % 9 // 3) for cell in range(81)]


def fill(grid: list[int], used: list[int]) -> bool:
    """Fill the free cells of a sudoku, that with the fewest choices first; ``used`` says what its rows, columns and boxes hold."""
    best, fewest, choices = -1, 10, 0
    for cell, digit in enumerate(grid):
        if not digit:
            row, column, box = LINES[cell]
            left = 1022 & ~(used[row] | used[column] | used[box])
            if left.bit_count() < fewest:
                best, fewest, choices = cell, left.bit_count(), left
    if best < 0:
        return True
    for digit in range(1, 10):
        if choices >> digit & 1:
            grid[best] = digit
            for line in LINES[best]:
                used[line] ^= 1 << digit
            if fill(grid, used):
                return True
            for line in LINES[best]:
                used[line] ^= 1 << digit
    grid[best] = 0
    return False


def sudoku(puzzle: str) -> str:
    grid, used = list(map(int, puzzle)), [0] * 27
    for cell, digit in enumerate(grid):
        for line in LINES[cell]:
            used[line] |= 1 << digit
    assert fill(grid, used)
    return "".join(map(str, grid))


def confidence(sample: list[float]) -> tuple[float, float]:
    """Return between what the median lies in 95 of 100 samples drawn from this one."""
    draw = random.Random(5)
    medians = sorted(statistics.median(draw.choices(sample, k=len(sample))) for _ in range(2000))
    return medians[50], medians[1949]


def round_trip(towns: list[tuple[float, float]]) -> float:
    """Return how long a round trip is that gets no shorter when part of it is gone the other way round."""
    order, count, better = list(towns), len(towns), True
    while better:
        better = False
        for first in range(count - 2):
            here, there = order[first], order[first + 1]
            leg = math.dist(here, there)
            for second in range(first + 2, count - (first == 0)):
                near, far = order[second], order[(second + 1) % count]
                if math.dist(here, near) + math.dist(there, far) < leg + math.dist(near, far) - 1e-9:
                    order[first + 1 : second + 1] = order[second:first:-1]
                    there, better = order[first + 1], True
                    leg = math.dist(here, there)
    return sum(map(math.dist, order, order[1:] + order[:1]))


# ---- computes in C --------------------------------------------------------------------------------------------------------------


def fingerprints(upload: bytes) -> dict[str, str]:
    return {
        "crc32": f"{zlib.crc32(upload):08x}",
        "md5": hashlib.md5(upload, usedforsecurity=False).hexdigest(),
        "blake2b": hashlib.blake2b(upload, digest_size=20).hexdigest(),
    }


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def without_accents(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()


@cache
def catalogue() -> Any:
    """Make what is searched, once in each process, as one loads a model."""
    import numpy as np

    return np.random.default_rng(81).normal(size=(25_000, 64)).astype(np.float32)


def most_alike(wanted: Any) -> list[int]:
    import numpy as np

    likeness = catalogue() @ wanted
    ten = np.argpartition(likeness, -10)[-10:]
    return [int(place) for place in ten[np.argsort(-likeness[ten])]]


def smoothed(readings: Any) -> Any:
    """Return each tenth value of a moving mean, in units of how far the values spread."""
    import numpy as np

    sums = np.cumsum(np.where(np.abs(readings) > 4, 0.0, readings))
    means = (sums[50:] - sums[:-50]) / 50
    low, middle, high = np.percentile(means[::10], (16, 50, 84))
    return (means[::10] - middle) / (high - low)


# ---- asks the system ------------------------------------------------------------------------------------------------------------


def backed_up(names: tuple[str, str]) -> int:
    source, target = names
    return os.stat(shutil.copy2(source, target)).st_size  # noqa: PTH116 (as people write it)


def saved(profile: tuple[str, dict[str, Any]]) -> int:
    """Write a file so that it is never there by half."""
    path, content = profile
    new = Path(f"{path}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    return new.replace(path).stat().st_size


def exported(table: tuple[str, list[tuple[int, str, float]]]) -> float:
    """Write a database of its own for each customer."""
    path, rows = table
    Path(path).unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute("create table bookings (number integer primary key, what text, amount real)")
            connection.executemany("insert into bookings values (?, ?, ?)", rows)
            connection.execute("create index by_what on bookings (what)")
        return float(connection.execute("select round(sum(amount), 2) from bookings").fetchone()[0])
    finally:
        connection.close()


def gzip_by_program(path: str) -> int:
    return len(subprocess.run(["gzip", "-9", "-n", "-c", path], capture_output=True, check=True).stdout)


# ---- waits ----------------------------------------------------------------------------------------------------------------------

_mine = threading.local()


def get(path: str) -> bytes:
    """Ask on a connection that is kept, one for each thread."""
    if getattr(_mine, "process", None) != os.getpid():
        _mine.process, _mine.connection = os.getpid(), http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    _mine.connection.request("GET", path, headers={"Accept": "text/plain"})
    body: bytes = _mine.connection.getresponse().read()
    return body


def sleep_80ms(number: int) -> int:
    time.sleep(0.08)
    return number


def looked_up(key: str) -> tuple[str, bool]:
    """Wait as long as for a cache; for one key in twelve as long as for what is behind it."""
    cached = zlib.crc32(key.encode()) % 12 > 0
    time.sleep(0.004 if cached else 0.18)
    return key, cached


def http_90ms(_: int) -> int:
    return len(get("/steady/90"))


def sixteen_at_a_time(_: int) -> int:
    return len(get("/saturates/45/16"))


def eighty_a_second(number: int) -> tuple[int, int]:
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/paced/50/80", headers={"User-Agent": "geocoder"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return number, len(answer.read())


def dithered(number: int) -> int:
    """Fetch a grey picture, make it black and white, and send it somewhere else."""
    width, body = 160, get("/sized/12/16000")
    grey = [float((value + place * (number + 7) // 40) % 256) for place, value in enumerate(body)] + [0.0] * (width + 2)
    white = 0
    for place in range(len(body)):
        error = grey[place]
        if error > 127:
            white += 1
            error -= 255
        grey[place + 1] += error * 0.4375
        grey[place + width - 1] += error * 0.1875
        grey[place + width] += error * 0.3125
        grey[place + width + 1] += error * 0.0625
    get("/steady/6")
    return white


def season(job: tuple[str, int]) -> float:
    """Fetch the results of a season, or play one and rate the teams."""
    what, number = job
    if what == "fetch":
        return float(len(get("/steady/30")))
    draw = random.Random(number)
    ratings = [1500.0] * 20
    for _ in range(18):
        for home, away in zip(range(20), draw.sample(range(20), 20), strict=True):
            expected = 1 / (1 + 10 ** ((ratings[away] - ratings[home] - 60) / 400))
            for _ in range(40):
                change = 4 * ((draw.random() < expected) - expected)
                ratings[home] += change
                ratings[away] -= change
    return max(ratings)


async def async_get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    length = 0
    while (line := await reader.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return await reader.readexactly(length)


async def async_40ms(_: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        return len(await async_get(reader, writer, "/steady/40"))
    finally:
        writer.close()


async def async_retries(failures: int) -> float:
    """Try until it works, and wait twice as long after each failure."""
    waited = 0.0
    for attempt in range(failures + 1):
        await asyncio.sleep(0.008)
        if attempt < failures:
            pause = 0.01 * 2**attempt
            await asyncio.sleep(pause)
            waited += pause
    return waited


async def async_steps(number: int) -> str:
    """Fetch a curve, count how it rises and falls, and fetch what belongs to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    try:
        body = await async_get(reader, writer, "/sized/15/4000")
        rises = falls = 0
        before = mean = 0.0
        for place, value in enumerate(body):
            mean += ((value + place * place * (number + 3)) % 101 - mean) / 8
            rises += mean > before
            falls += mean < before
            before = mean
        return f"{rises}/{falls}/{len(await async_get(reader, writer, '/steady/8'))}"
    finally:
        writer.close()


# ---- the inputs -----------------------------------------------------------------------------------------------------------------


def some_words(draw: random.Random, count: int, letters: str = string.ascii_lowercase) -> list[str]:
    return ["".join(draw.choices(letters, k=draw.randint(2, 11))) for _ in range(count)]


def places() -> list[tuple[float, float]]:
    draw = random.Random(91)
    return [(draw.uniform(47.3, 55.0), draw.uniform(6.0, 15.0)) for _ in range(300_000)]


def clicks() -> Iterator[str]:
    draw = random.Random(92)
    known = some_words(draw, 300)
    for visitor in range(9000):
        host = f"HTTPS://{known[visitor % 300]}.Example/{known[visitor % 211]}/"
        for click in range(draw.randint(1, 14)):  # nobody knows how many come
            yield f"{host}?page={click}&utm_source={known[click]}&q={known[(visitor + click) % 97]}+x&clid={visitor}&lang=de"


def answers() -> list[dict[str, Any]]:
    draw = random.Random(93)

    def nested(depth: int) -> Any:
        if not depth or draw.random() < 0.1:
            return draw.randint(0, 10**6) if draw.random() < 0.5 else draw.choice(known)
        if draw.random() < 0.3:
            return [nested(depth - 1) for _ in range(draw.randint(1, 4))]
        return {key: nested(depth - 1) for key in draw.sample(known, draw.randint(2, 5))}

    known = some_words(draw, 200)
    return [{"id": number, "data": {key: nested(3) for key in draw.sample(known, 3)}} for number in range(800)] * 40


def markdown() -> list[str]:
    draw = random.Random(94)
    known = some_words(draw, 500)
    shapes = ("# {} {}", "{} **{}** {}", "- {}\n- {} `{}`", "{} [{}](/{}) {}", "{} {} {} {} {} {} {} {} {}, {} {} {} {}.")

    def block() -> str:
        shape = draw.choice(shapes)
        return shape.format(*draw.choices(known, k=shape.count("{}")))

    return ["\n\n".join(block() for _ in range(int(30 * draw.paretovariate(1.4)))) for _ in range(1200)] * 5


def ini_files() -> list[str]:
    draw = random.Random(95)
    known = [*dict.fromkeys(some_words(draw, 300))]

    def section(name: str) -> str:
        return f"[{name}]\n" + "".join(f"{key} = {draw.choice(known)} {draw.randint(1, 99)}\n" for key in draw.sample(known, 12))

    return ["\n".join(section(name) for name in draw.sample(known, draw.randint(2, 8))) for _ in range(120)] * 20


def big_numbers() -> list[int]:
    draw = random.Random(96)
    return [draw.getrandbits(384) | 1 << 383 for _ in range(250)]


def puzzles() -> list[str]:
    draw = random.Random(97)

    def shuffled() -> list[int]:
        return [3 * band + line for band in draw.sample(range(3), 3) for line in draw.sample(range(3), 3)]

    def puzzle() -> str:
        digits, rows, columns = draw.sample(range(1, 10), 9), shuffled(), shuffled()
        full = [digits[(row * 3 + row // 3 + column) % 9] for row in rows for column in columns]
        shown = set(draw.sample(range(81), draw.randint(20, 26)))
        return "".join(str(digit) if cell in shown else "0" for cell, digit in enumerate(full))

    return [puzzle() for _ in range(500)]


def studies() -> Iterator[list[float]]:
    draw = random.Random(98)
    while draw.random() > 0.03:  # nobody knows how many come
        yield [round(draw.lognormvariate(2, 0.6), 3) for _ in range(draw.randint(100, 500))]


def regions() -> list[list[tuple[float, float]]]:
    draw = random.Random(99)
    return [[(draw.random(), draw.random()) for _ in range(count)] for count in (700, 800, 750, 850, 780)]


def uploads() -> list[bytes]:
    draw = random.Random(100)
    return [draw.randbytes(draw.randint(80_000, 500_000)) for _ in range(20)] * 80


def folders_to_zip() -> list[dict[str, bytes]]:
    draw = random.Random(101)
    known = some_words(draw, 600)
    return [
        {f"chapter{number}.txt": " ".join(draw.choices(known, k=draw.randint(300, 3000))).encode() for number in range(12)}
        for _ in range(18)
    ] * 25


def accented() -> list[str]:
    draw = random.Random(102)
    letters = string.ascii_letters * 3 + "äöüÄÖÜßéèêëàâçñøåíóúčšžﬁ½"
    known = some_words(draw, 1000, letters)
    return [" ".join(draw.choices(known, k=draw.randint(500, 6000))) for _ in range(60)] * 50


def wishes() -> list[Any]:
    import numpy as np

    return list(np.random.default_rng(103).normal(size=(2500, 64)).astype(np.float32))


def sensors() -> list[Any]:
    import numpy as np

    draw = np.random.default_rng(104)
    return [draw.normal(size=200_000 + 25_000 * number) for number in range(12)] * 30


def to_back_up() -> list[tuple[str, str]]:
    draw = random.Random(105)
    sources = [folder() / f"mail{number}.eml" for number in range(60)]
    for source in sources:
        source.write_bytes(draw.randbytes(int(min(200_000, 6000 * draw.paretovariate(1.1)))))
    (folder() / "backup").mkdir(exist_ok=True)
    return [(str(sources[number % 60]), str(folder() / "backup" / f"{number}.eml")) for number in range(4000)]


def profiles() -> list[tuple[str, dict[str, Any]]]:
    draw = random.Random(106)
    known = some_words(draw, 400)
    return [
        (str(folder() / f"profile{number}.json"), {key: draw.randint(0, 999) for key in draw.sample(known, draw.randint(5, 60))})
        for number in range(1200)
    ]


def customers() -> list[tuple[str, list[tuple[int, str, float]]]]:
    draw = random.Random(107)
    known = some_words(draw, 120)
    return [
        (
            str(folder() / f"customer{number}.db"),
            [(row, draw.choice(known), round(draw.uniform(1, 500), 2)) for row in range(draw.randint(50, 900))],
        )
        for number in range(300)
    ]


def exports() -> list[str]:
    draw = random.Random(108)
    known = some_words(draw, 2000)
    paths = [folder() / f"export{number}.csv" for number in range(16)]
    for path in paths:
        path.write_text(",".join(draw.choices(known, k=draw.randint(50_000, 150_000))), encoding="utf-8")
    return [str(path) for path in paths] * 4


def keys() -> list[str]:
    draw = random.Random(109)
    return [f"user:{draw.randrange(10**6)}" for _ in range(300)]


def seasons() -> list[tuple[str, int]]:
    return [("play", n) for n in range(150)] + [("fetch", n) for n in range(110)] + [("play", n) for n in range(150, 300)]


def failures() -> list[int]:
    draw = random.Random(110)
    return draw.choices((0, 1, 2, 3, 4), (50, 25, 12, 8, 5), k=240)


WORKLOADS = {
    "nearest depot": Workload(nearest_depot, places, "process"),
    "clicks as they come": Workload(without_tracking, clicks, "process"),
    "flattened": Workload(flattened, answers, "process"),
    "markdown": Workload(as_html, markdown, "process"),
    "ini files": Workload(settings, ini_files, "process"),
    "next prime": Workload(next_prime, big_numbers, "process"),
    "sudoku": Workload(sudoku, puzzles, "process"),
    "bootstrap, no length": Workload(confidence, studies, "process"),
    "round trips, five": Workload(round_trip, regions, "process"),
    "fingerprints": Workload(fingerprints, uploads, "thread"),
    "zipped": Workload(zipped, folders_to_zip, "process"),
    "without accents": Workload(without_accents, accented, "process"),
    "most alike": Workload(most_alike, wishes, "thread"),
    "smoothed": Workload(smoothed, sensors, "thread"),
    "backed up": Workload(backed_up, to_back_up, "thread"),
    "saved safely": Workload(saved, profiles, "thread"),
    "databases written": Workload(exported, customers, "thread"),
    "gzip by program": Workload(gzip_by_program, exports, "thread"),
    "sleep 80 ms": Workload(sleep_80ms, numbers(75), "thread"),
    "hit or miss": Workload(looked_up, keys, "thread"),
    "http 90 ms": Workload(http_90ms, numbers(75), "thread"),
    "http sixteen at once": Workload(sixteen_at_a_time, numbers(160), "thread"),
    "http eighty a second": Workload(eighty_a_second, numbers(120), "thread"),
    "fetched and dithered": Workload(dithered, numbers(150), "thread"),
    "play, fetch, play": Workload(season, seasons, "process"),
    "async 40 ms": Workload(async_40ms, numbers(200), "async"),
    "async retries": Workload(async_retries, failures, "async"),
    "async steps": Workload(async_steps, numbers(220), "async"),
}
