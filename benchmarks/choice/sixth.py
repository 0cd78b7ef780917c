"""A sixth set of workloads, written without a look at the manager.

They are meant to be what people map over, and none does what one of the five other sets does.
"""

import asyncio
import base64
import bisect
import hashlib
import heapq
import hmac
import http.client
import math
import os
import random
import re
import sqlite3
import string
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from functools import cache, reduce
from operator import xor
from pathlib import Path
from typing import Any

from scratch import folder
from tuned import PORT, Workload, numbers

__all__ = ("WORKLOADS",)


# ---- computes, and holds the GIL ------------------------------------------------------------------------------------------------


def contrast(colour: str) -> tuple[str, float]:
    """Return in which colour text is to be written on this one, and how much the two differ to the eye."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    return ("black", round(light / 0.05, 2)) if light > 0.18 else ("white", round(1.05 / light, 2))


def degrees(text: str, side: str) -> float:
    whole, minutes = divmod(float(text), 100)
    return round((whole + minutes / 60) * (-1 if side in "SW" else 1), 6)


def position(sentence: str) -> tuple[float, float, float] | None:
    """Return where a receiver was, and how high, or nothing if the sentence was damaged on its way."""
    body, _, told = sentence[1:].partition("*")
    if reduce(xor, body.encode(), 0) != int(told, 16):
        return None
    _, _, north, ns, east, ew, _, _, _, height, *_ = body.split(",")
    return degrees(north, ns), degrees(east, ew), float(height)


REMINDER = string.Template(
    """$name
$street
$town

$today

Reminder $number: your order of $article

Dear $name,

on $ordered you ordered $amount of $article. We have not yet received the $price that were due on $due.
Please pay by $limit, and add $fee; write $reference on the order. If you have paid since $today, $name, all is well.

                                                                              $$
""",
)


def reminder(order: tuple[int, str, str, str, str, int, int, int]) -> str:
    number, name, street, town, article, amount, cents, days = order
    ordered = date(2024, 1, 1) + timedelta(days=days)
    return REMINDER.substitute(
        name=name.title(),
        street=street.capitalize(),
        town=town.upper(),
        today=f"{ordered + timedelta(days=45):%d %B %Y}",
        number=number % 3 + 1,
        article=article,
        ordered=f"{ordered:%d %B}",
        amount=amount,
        price=f"{amount * cents / 100:,.2f}",
        due=f"{ordered + timedelta(days=30):%d %B}",
        limit=f"{ordered + timedelta(days=59):%d %B}",
        fee=f"{5 + number % 3 * 2.5:.2f}",
        reference=f"{number:09d}-{sum(map(int, str(number))) % 10}",
    )


def repaid(loan: tuple[int, float, int]) -> list[tuple[int, int, int]]:
    """Return what goes to interest and what to the debt, and what is left of it, month by month."""
    owed, percent, months = loan
    rate = percent / 1200
    payment = math.ceil(owed * rate / (1 - (1 + rate) ** -months))
    rows = []
    while owed > 0:
        interest = round(owed * rate)
        part = min(owed, payment - interest)
        owed -= part
        rows.append((interest, part, owed))
    return rows


def turnover(sales: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    shops: dict[str, dict[str, int]] = {}
    for sale in sales:
        if not sale["returned"]:
            days = shops.setdefault(sale["shop"], {})
            days[sale["day"]] = days.get(sale["day"], 0) + sale["amount"] * sale["price"]
    return {shop: dict(sorted(days.items())) for shop, days in sorted(shops.items())}


TOKEN = re.compile(r"\d+(?:\.\d+)?|[A-Z]+\d+|[-+*/()]")


class Sheet:
    """Computes the cells of a spreadsheet, each when it is first asked for."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.cells = cells
        self.known: dict[str, float] = {}

    def value(self, name: str) -> float:
        if name not in self.known:
            text = self.cells[name]
            self.known[name] = self.terms(TOKEN.findall(text[1:])[::-1]) if text[0] == "=" else float(text)
        return self.known[name]

    def terms(self, tokens: list[str]) -> float:
        total = self.factors(tokens)
        while tokens and tokens[-1] in "+-":
            total += self.factors(tokens) if tokens.pop() == "+" else -self.factors(tokens)
        return total

    def factors(self, tokens: list[str]) -> float:
        total = self.single(tokens)
        while tokens and tokens[-1] in "*/":
            total = total * self.single(tokens) if tokens.pop() == "*" else total / self.single(tokens)
        return total

    def single(self, tokens: list[str]) -> float:
        token = tokens.pop()
        if token == "(":
            total = self.terms(tokens)
            tokens.pop()
            return total
        return self.value(token) if token[0].isalpha() else float(token)


def computed(cells: dict[str, str]) -> dict[str, float]:
    sheet = Sheet(cells)
    return {name: round(sheet.value(name), 4) for name in cells}


def way_out(maze: str) -> int:
    """Return how many steps it is from the first free place of a maze to the last one; -1 if there is no way."""
    width, goal = maze.index("\n") + 1, maze.rindex(".")
    front, steps = [maze.index(".")], 0
    seen = set(front)
    while front:
        ahead = []
        for place in front:
            if place == goal:
                return steps
            for near in (place + 1, place + width, place - 1, place - width):
                if maze[near] == "." and near not in seen:
                    seen.add(near)
                    ahead.append(near)
        front, steps = ahead, steps + 1
    return -1


def queued(seed: int) -> tuple[float, float]:
    """Return how long people stand in line on the mean, and at most, where four to seven are served at a time."""
    draw = random.Random(seed)
    free = [0.0] * (4 + seed % 4)
    now = total = longest = 0.0
    for _ in range(40_000):
        now += draw.expovariate(0.9 * len(free))
        begun = max(now, free[0])
        heapq.heapreplace(free, begun + draw.gammavariate(2.0, 0.5))
        total += begun - now
        longest = max(longest, begun - now)
    return total / 40_000, longest


@cache
def customers_seen() -> list[tuple[float, float, float]]:
    draw = random.Random(121)
    middles = [(draw.random(), draw.random(), draw.random()) for _ in range(5)]
    return [(draw.gauss(x, 0.1), draw.gauss(y, 0.1), draw.gauss(z, 0.1)) for x, y, z in draw.choices(middles, k=6000)]


def scatter(groups: int) -> float:
    """Return how far all are from the middle of their group, when they are divided into that many."""
    people = customers_seen()
    middles = random.Random(groups).sample(people, groups)
    far = 0.0
    for _ in range(40):
        sums = [[0.0, 0.0, 0.0, 0.0] for _ in middles]
        far = 0.0
        for x, y, z in people:
            least, nearest = math.inf, 0
            for group, (a, b, c) in enumerate(middles):
                distance = (x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c)
                if distance < least:
                    least, nearest = distance, group
            far += least
            mine = sums[nearest]
            mine[0] += x
            mine[1] += y
            mine[2] += z
            mine[3] += 1
        middles = [(x / n, y / n, z / n) if n else middle for (x, y, z, n), middle in zip(sums, middles, strict=True)]
    return far


# ---- computes in C --------------------------------------------------------------------------------------------------------------

SECRET = b"what the two of us know, and nobody else"


def genuine(call: tuple[bytes, str]) -> bool:
    body, signature = call
    return hmac.compare_digest(hmac.new(SECRET, body, "sha256").hexdigest(), signature)


def root(content: bytes) -> str:
    """Return what stands at the top of a tree of hashes."""
    level = [hashlib.sha3_256(content[at : at + 65_536]).digest() for at in range(0, len(content), 65_536)]
    while len(level) > 1:
        level = [hashlib.sha3_256(b"".join(level[at : at + 2])).digest() for at in range(0, len(level), 2)]
    return level[0].hex()


def attached(lines: bytes) -> bytes:
    return base64.decodebytes(lines)


def equalized(picture: Any) -> Any:
    """Spread the greys of a picture so that each is as frequent as the others."""
    import numpy as np

    darker = np.cumsum(np.bincount(picture.ravel(), minlength=256))
    return (darker * 255 // darker[-1]).astype(np.uint8)[picture]


def option_price(option: tuple[float, float, float, int]) -> float:
    """Return what an option is worth that depends on the mean of 12 months, by trying."""
    import numpy as np

    spot, strike, spread, seed = option
    steps = np.random.default_rng(seed).normal(-spread * spread / 24, spread / math.sqrt(12), size=(12, 40_000))
    means = spot * np.exp(np.cumsum(steps, axis=0)).mean(axis=0)
    return round(float(np.maximum(means - strike, 0.0).mean()), 6)


# ---- asks the system ------------------------------------------------------------------------------------------------------------


def last_entry(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 (as people write it)
        file.seek(-1000, os.SEEK_END)
        return file.read().rstrip().rpartition(b"\n")[2].decode()


def split_by_month(path: str) -> dict[str, int]:
    """Write the lines of each month to a file of its own."""
    months: dict[str, list[str]] = {}
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            months.setdefault(line[:7], []).append(line)
    target = Path(path).with_suffix("")
    target.mkdir(exist_ok=True)
    for month, lines in months.items():
        (target / f"{month}.csv").write_text("".join(sorted(lines)), encoding="utf-8")
    return {month: len(lines) for month, lines in sorted(months.items())}


NEEDED = """
with recursive needed (part, amount) as (
    select ?, ? union all
    select uses.part, uses.amount * needed.amount from needed join uses on uses.whole = needed.part
)
select count(*), sum(needed.amount * parts.price) from needed join parts using (part)
"""


def parts_list(order: tuple[str, int, int]) -> tuple[int, int]:
    path, part, amount = order
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        count, price = connection.execute(NEEDED, (part, amount)).fetchone()
    return count, price


def lines_changed(versions: tuple[str, str]) -> tuple[int, int]:
    told = subprocess.run(["diff", "-U", "0", *versions], capture_output=True, check=False, text=True).stdout.splitlines()[2:]
    return sum(line.startswith("+") for line in told), sum(line.startswith("-") for line in told)


# ---- waits ----------------------------------------------------------------------------------------------------------------------

_mine = threading.local()


def fetch(path: str) -> bytes:
    """Ask on the connection that this thread keeps."""
    if getattr(_mine, "owner", None) != os.getpid():
        _mine.owner, _mine.service = os.getpid(), http.client.HTTPConnection("127.0.0.1", PORT)
    _mine.service.request("GET", path)
    with _mine.service.getresponse() as answer:
        body: bytes = answer.read()
    return body


def sleep_240ms(number: int) -> int:
    time.sleep(0.24)
    return number


HANDLING = {"letter": 0.009, "parcel": 0.065, "freight": 0.42}


def sent(kind: str) -> str:
    time.sleep(HANDLING[kind])
    return kind


def status(site: str) -> tuple[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/steady/{site.partition('?delay=')[2]}") as answer:
        return site, answer.status


def ten_at_a_time(_: int) -> int:
    return len(fetch("/saturates/22/10"))


def forty_a_second(number: int) -> str:
    return f"{number}: {len(fetch('/paced/110/40'))}"


def simplified(track: list[tuple[float, float]]) -> int:
    """Leave out the points of a track that are near a straight line between others, and send what is left."""
    kept, left = {0, len(track) - 1}, [(0, len(track) - 1)]
    while left:
        first, last = left.pop()
        (x, y), (far_x, far_y) = track[first], track[last]
        across, along = far_x - x, far_y - y
        length = math.hypot(across, along) or 1e-9
        most, where = 0.0, first
        for place in range(first + 1, last):
            here = track[place]
            off = abs(across * (here[1] - y) - along * (here[0] - x)) / length
            if off > most:
                most, where = off, place
        if most > 1.5:
            kept.add(where)
            left += [(first, where), (where, last)]
    fetch("/steady/21")
    return len(kept)


def nightly(job: tuple[str, int]) -> int:
    """Do one of the things that are done at night: see if a device answers, fetch a timetable, find the connections in one."""
    what, number = job
    if what == "device":
        time.sleep(0.003)
        return number
    if what == "fetch":
        return len(fetch("/sized/115/9000"))
    draw = random.Random(number)
    stops = range(36)
    minutes = [[0 if here == there else draw.randint(2, 90) for there in stops] for here in stops]
    for change in stops:
        onward = minutes[change]
        for line in minutes:
            before = line[change]
            line[:] = [min(direct, before + after) for direct, after in zip(line, onward, strict=True)]
    return max(map(max, minutes))


LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


async def async_session(number: int) -> int:
    """Ask for a ticket, then for what it is good for, of which twenty are served at a time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    received = 0
    for path in ("/steady/10", "/saturates/24/20"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Number: {number}\r\n\r\n".encode())
        length = LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
        assert length is not None
        received += len(await reader.readexactly(int(length[1])))
    writer.close()
    await writer.wait_closed()
    return received


async def async_in_time(seconds: float) -> str:
    """Wait for an answer, but not for long."""
    try:
        async with asyncio.timeout(0.3):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late"
    return f"{seconds:.3f}"


async def async_medians(job: tuple[int, int]) -> list[int]:
    """Receive readings in portions, and keep the median of the last hundred."""
    value, portions = job
    recent: list[int] = []
    in_order: list[int] = []
    medians = []
    for _ in range(portions):
        await asyncio.sleep(0.004)
        for _ in range(600):
            value = (value * 1_103_515_245 + 12_345) & 0x7FFFFFFF
            recent.append(value >> 16)
            bisect.insort(in_order, value >> 16)
            if len(recent) > 100:
                del in_order[bisect.bisect_left(in_order, recent[-101])]
        medians.append(in_order[50])
    return medians


# ---- the inputs -----------------------------------------------------------------------------------------------------------------


def some_words(draw: random.Random, count: int) -> list[str]:
    return ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(3, 12))) for _ in range(count)]


def colours() -> list[str]:
    draw = random.Random(122)
    return [f"#{draw.randrange(1 << 24):06x}" for _ in range(280_000)]


def sentences() -> Iterator[str]:
    draw = random.Random(123)
    second = 0
    while second < 86_400:  # nobody knows how many come
        second += draw.choice((1, 1, 1, 2))
        clock = f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"
        north, east = draw.uniform(4700, 4759), draw.uniform(800, 859)
        quality = f"1,{draw.randint(4, 12):02d},0.9,{draw.uniform(300, 900):.1f},M,48.0,M,,"
        body = f"GPGGA,{clock}.00,{north:09.4f},N,{east:010.4f},E,{quality}"
        checksum = reduce(xor, body.encode()) ^ (draw.random() < 0.01)
        yield f"${body}*{checksum:02X}"


def unpaid() -> list[tuple[int, str, str, str, str, int, int, int]]:
    draw = random.Random(124)
    known = some_words(draw, 900)
    return [
        (
            number * 37 + 100_000,
            f"{draw.choice(known)} {draw.choice(known)}",
            f"{draw.choice(known)} {draw.randint(1, 180)}",
            draw.choice(known),
            draw.choice(known),
            draw.randint(1, 30),
            draw.randint(99, 90_000),
            draw.randint(0, 365),
        )
        for number in range(35_000)
    ]


def loans() -> list[tuple[int, float, int]]:
    draw = random.Random(125)
    return [(draw.randint(500_000, 60_000_000), draw.randint(5, 90) / 10, 12 * draw.randint(2, 35)) for _ in range(14_000)]


def sales() -> list[list[dict[str, Any]]]:
    draw = random.Random(126)
    shops = some_words(draw, 12)
    days = [f"2024-05-{day:02d}" for day in range(1, 32)]

    def sale() -> dict[str, Any]:
        return {
            "shop": draw.choice(shops),
            "day": draw.choice(days),
            "amount": draw.randint(1, 9),
            "price": draw.randint(50, 20_000),
            "returned": draw.random() < 0.04,
        }

    return [[sale() for _ in range(draw.randint(1000, 5000))] for _ in range(15)] * 60


def sheets() -> list[dict[str, str]]:
    draw = random.Random(127)

    def sheet(rows: int) -> dict[str, str]:
        cells: dict[str, str] = {}
        names = [f"{column}{row}" for row in range(1, rows + 1) for column in "ABCDEFGH"]
        for place, name in enumerate(names):
            if place < 16 or draw.random() < 0.35:
                cells[name] = f"{draw.uniform(0, 500):.2f}"
            else:
                one, other, third = draw.choices(names[:place], k=3)
                forms = (
                    f"{one}+{other}-{third}",
                    f"({one}-{other})*0.5+{third}/4",
                    f"({one}+2*({other}-{third}))/3",
                    f"{one}*0.19",
                )
                cells[name] = f"={draw.choice(forms)}"
        return dict(draw.sample(list(cells.items()), len(cells)))

    return [sheet(draw.randint(10, 160)) for _ in range(60)] * 8


def mazes() -> list[str]:
    draw = random.Random(128)

    def maze(side: int) -> str:
        rows = ("".join(draw.choices(".#", (72, 28), k=side - 2)) for _ in range(side - 2))
        return "\n".join(["#" * side, *(f"#{row}#" for row in rows), "#" * side])

    return [maze(int(min(330, 40 * draw.paretovariate(1.2)))) for _ in range(190)]


def calls() -> list[tuple[bytes, str]]:
    draw = random.Random(129)
    bodies = [draw.randbytes(draw.randint(150, 1800)) for _ in range(1300)]
    signatures = [hmac.new(SECRET, body, "sha256").hexdigest() for body in bodies]
    told = [signature[:-1] + draw.choice((signature[-1], "0")) for signature in signatures]
    return list(zip(bodies, told, strict=True)) * 130


def packages() -> list[bytes]:
    draw = random.Random(130)
    return [draw.randbytes(draw.randint(300_000, 2_400_000)) for _ in range(18)] * 20


def attachments() -> list[bytes]:
    draw = random.Random(131)
    return [base64.encodebytes(draw.randbytes(draw.randint(60_000, 900_000))) for _ in range(22)] * 35


def photographs() -> list[Any]:
    import numpy as np

    draw = np.random.default_rng(132)
    return [draw.normal(110, 25, (1000 + 60 * number, 1400)).clip(0, 255).astype(np.uint8) for number in range(7)] * 16


def options() -> list[tuple[float, float, float, int]]:
    draw = random.Random(133)
    return [(100.0, draw.uniform(80, 130), draw.uniform(0.1, 0.6), number) for number in range(115)]


def long_logs() -> list[str]:
    draw = random.Random(134)
    known = some_words(draw, 300)
    paths = [folder() / f"server{number}.log" for number in range(35)]
    for path in paths:
        entries = (" ".join(draw.choices(known, k=draw.randint(3, 14))) for _ in range(draw.randint(100, 4000)))
        path.write_text("".join(f"{number:07d} {entry}\n" for number, entry in enumerate(entries)), encoding="utf-8")
    return [str(draw.choice(paths)) for _ in range(45_000)]


def ledgers() -> list[str]:
    draw = random.Random(135)
    days = [f"2023-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    known = [f"{draw.choice(days)},{word},{draw.uniform(1, 900):.2f}\n" for word in some_words(draw, 5000)]
    paths = [folder() / f"ledger{number}.csv" for number in range(320)]
    for path in paths:
        path.write_text("".join(draw.choices(known, k=draw.randint(200, 6000))), encoding="utf-8")
    return [str(path) for path in paths]


def assemblies() -> list[tuple[str, int, int]]:
    draw = random.Random(136)
    path = str(folder() / "parts.db")
    firsts = (0, 60, 200, 500, 1200, 3000, 9000)  # with what number each level begins
    uses = [
        (whole, part, draw.randint(1, 6))
        for level, (first, end, last) in enumerate(zip(firsts, firsts[1:], firsts[2:], strict=False))
        for whole in range(first, end)
        for part in draw.sample(range(end, last), draw.randint(2, 6 - level // 2))
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table parts (part integer primary key, price int)")
        connection.execute("create table uses (whole int, part int, amount int)")
        connection.executemany("insert into parts values (?, ?)", ((part, part * 53 % 701 + 1) for part in range(9000)))
        connection.executemany("insert into uses values (?, ?, ?)", uses)
        connection.execute("create index by_whole on uses (whole)")
    return [(path, draw.randrange(500), draw.randint(1, 50)) for _ in range(1100)]


def revisions() -> list[tuple[str, str]]:
    draw = random.Random(137)
    known = some_words(draw, 800)
    pairs = []
    for number in range(45):
        old = [" ".join(draw.choices(known, k=8)) for _ in range(draw.randint(50, 3000))]
        new = [" ".join(draw.choices(known, k=8)) if draw.random() < 0.06 else line for line in old if draw.random() < 0.97]
        names = folder() / f"page{number}.old", folder() / f"page{number}.new"
        for name, lines in zip(names, (old, new), strict=True):
            name.write_text("\n".join(lines) + "\n", encoding="utf-8")
        pairs.append((str(names[0]), str(names[1])))
    return pairs * 5


def mail() -> list[str]:
    return random.Random(138).sample(["letter", "parcel", "freight"], 311, counts=[230, 70, 11])


def sites() -> list[str]:
    draw = random.Random(139)
    return [f"{word}.example?delay={min(450, draw.lognormvariate(3.5, 0.9)):.0f}" for word in some_words(draw, 230)]


def tracks() -> list[list[tuple[float, float]]]:
    draw = random.Random(140)

    def track(count: int) -> list[tuple[float, float]]:
        x = y = heading = 0.0
        points = []
        for _ in range(count):
            heading += draw.gauss(0, 0.15)
            x, y = x + 3 * math.cos(heading), y + 3 * math.sin(heading)
            points.append((x, y))
        return points

    return [track(draw.randint(1500, 9000)) for _ in range(28)] * 4


def night() -> list[tuple[str, int]]:
    return [("device", n) for n in range(260)] + [("fetch", n) for n in range(55)] + [("connections", n) for n in range(170)]


def answer_times() -> list[float]:
    draw = random.Random(141)
    return [0.9 if draw.random() < 0.03 else draw.lognormvariate(-3.9, 0.6) for _ in range(400)]


def portions() -> list[tuple[int, int]]:
    draw = random.Random(142)
    return [(draw.randrange(1 << 30), draw.randint(2, 9)) for _ in range(340)]


WORKLOADS = {
    "colours": Workload(contrast, colours, "process"),
    "positions as they come": Workload(position, sentences, "process"),
    "reminders": Workload(reminder, unpaid, "process"),
    "loans": Workload(repaid, loans, "process"),
    "turnover": Workload(turnover, sales, "process"),
    "spreadsheets": Workload(computed, sheets, "process"),
    "mazes": Workload(way_out, mazes, "process"),
    "standing in line": Workload(queued, numbers(33), "process"),
    "groups, six": Workload(scatter, lambda: range(2, 8), "process"),
    "signed calls": Workload(genuine, calls, "process"),
    "trees of hashes": Workload(root, packages, "thread"),
    "attachments": Workload(attached, attachments, "process"),
    "equalized": Workload(equalized, photographs, "thread"),
    "option prices": Workload(option_price, options, "process"),
    "last entries": Workload(last_entry, long_logs, "thread"),
    "split by month": Workload(split_by_month, ledgers, "thread"),
    "parts lists": Workload(parts_list, assemblies, "thread"),
    "compared by program": Workload(lines_changed, revisions, "thread"),
    "sleep 240 ms": Workload(sleep_240ms, numbers(57), "thread"),
    "letters and freight": Workload(sent, mail, "thread"),
    "http, sites": Workload(status, sites, "thread"),
    "http ten at once": Workload(ten_at_a_time, numbers(410), "thread"),
    "http forty a second": Workload(forty_a_second, numbers(85), "thread"),
    "simplified and sent": Workload(simplified, tracks, "thread"),
    "nightly": Workload(nightly, night, "thread"),
    "async sessions": Workload(async_session, numbers(330), "async"),
    "async time limit": Workload(async_in_time, answer_times, "async"),
    "async medians": Workload(async_medians, portions, "async"),
}
