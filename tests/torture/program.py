"""A program that is to be killed: runs some inputs with a journal, and writes down what came of them at its end.

    python program.py FOLDER ROUND START

ROUND says what is run and what goes wrong with it, START in which order and how much the disk takes this time.
"""

import asyncio
import json
import os
import random
import signal
import sys
import threading
import time

import atonce

PLAIN = {
    "inline": {"engine": "inline"},
    "thread": {"engine": "thread", "max_workers": 4},
    "async": {"engine": "async", "concurrency": 5},
    "auto": {},
}
PROCESSES = {
    "process": {"engine": "process", "max_workers": 2},
    "threads in processes": {"engine": "process", "max_workers": 2, "concurrency": 6},
    "loops in processes": {"engine": "process", "max_workers": 2, "concurrency": 6},
}
HANGING = {"process", "loops in processes", "async"}  # who can stop an item
HARMLESS = ("fine", "fine", "fine", "fine", "fine", "slow", "slow", "raises", "odd error", "unwritable", "flaky")
LETHAL = ("dies", "dies once", "exits")
TIMEOUT_S = 4.0  # Assumes: no item that is fine takes so long, however busy the machine is
FULL_DISK = 3  # the exit status of a program whose journal took no more


class OddError(Exception):
    """Does not pickle."""

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class Plan:
    """What a round is about. The same in each start, and in the test."""

    def __init__(self, number):
        draw = random.Random(number)
        self.engine = draw.choice([*PLAIN, *PROCESSES])
        self.options = {**PLAIN, **PROCESSES}[self.engine]
        self.is_async = self.engine in ("async", "loops in processes") or (self.engine == "auto" and draw.random() < 0.3)
        self.patient = draw.random() < 0.5
        self.streamed = draw.random() < 0.5
        faults = [*HARMLESS, *(LETHAL if self.engine in PROCESSES and self.patient else ())]
        different = draw.randint(10, 40)
        self.faults = [draw.choice(faults) for _ in range(different)]
        self.hangs = self.engine in HANGING and draw.random() < 0.1
        if self.hangs:
            self.faults[draw.randrange(different)] = "hangs"
        self.items = [draw.randrange(different) for _ in range(draw.randint(10, 60))]  # some more than once

    def expected(self, item):
        """Return what becomes of an item, as ``described`` tells it."""
        fault = self.faults[item]
        if fault in ("fine", "slow", "flaky", "dies once"):
            return f"value {item * 3}"
        if fault == "unwritable":
            return "error PicklingFailed" if self.engine in PROCESSES else "value lock"
        return (
            "error "
            + {
                "raises": "ValueError",
                "odd error": "OddError",
                "dies": "WorkerCrashed",
                "exits": "WorkerCrashed",
                "hangs": "TaskTimeout",
            }[fault]
        )

    def is_kept(self, item):
        return self.faults[item] != "unwritable" or self.engine in PROCESSES


def described(outcome):
    if isinstance(outcome, atonce.Failure):
        error = outcome.error
        return (
            "error " + (error.type_name if isinstance(error, atonce.RemoteError) else type(error).__qualname__).rpartition(".")[2]
        )
    return "value lock" if isinstance(outcome, type(threading.Lock())) else f"value {outcome}"


class Work:
    """The function: does to an item what the plan says."""

    def __init__(self, folder, faults):
        self.folder = folder
        self.faults = faults

    def is_first(self, item):
        """Tell whether this is the first time, in any program of the round, that somebody asks."""
        try:
            os.close(os.open(os.path.join(self.folder, f"seen {item}"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def __call__(self, item):
        fault = self.faults[item]
        if fault == "slow":
            time.sleep(0.02)
        elif fault == "raises":
            raise ValueError(f"no {item}")
        elif fault == "odd error":
            raise OddError(f"odd {item}")
        elif fault == "unwritable":
            return threading.Lock()
        elif fault == "flaky" and self.is_first(item):
            raise OSError("not yet")
        elif fault == "dies" or (fault == "dies once" and self.is_first(item)):
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "exits":
            os._exit(5)
        elif fault == "hangs":
            time.sleep(3600)
        return item * 3


class AsyncWork(Work):
    async def __call__(self, item):
        if self.faults[item] in ("slow", "hangs"):
            await asyncio.sleep(0.02 if self.faults[item] == "slow" else 3600)
            return item * 3
        return Work.__call__(self, item)


def main(folder, number, start):
    plan = Plan(number)
    draw = random.Random(start)
    items = plan.items.copy()
    draw.shuffle(items)
    if draw.random() < 0.15:
        (fill_disk if plan.engine in ("inline", "thread", "async") else fill_journal)(draw)
    options = {**plan.options, "journal": os.path.join(folder, "run.db"), "errors": "return"}
    options["retries"] = atonce.Retry(4, on=(OSError, atonce.WorkerCrashed), backoff=0.001) if plan.patient else 2
    options["durable"] = draw.random() < 0.1
    if plan.hangs:
        options["timeout"] = TIMEOUT_S
    fn = (AsyncWork if plan.is_async else Work)(folder, plan.faults)
    try:
        outcomes = list(atonce.stream(fn, items, **options)) if plan.streamed else atonce.map(fn, items, **options)
    except atonce.JournalError as error:
        print(error, file=sys.stderr)
        sys.exit(FULL_DISK if "I/O error" in str(error) or "full" in str(error) else 1)
    with open(os.path.join(folder, "result.new"), "w") as file:
        json.dump([(item, described(outcome)) for item, outcome in zip(items, outcomes, strict=True)], file)
    os.replace(os.path.join(folder, "result.new"), os.path.join(folder, "result.json"))


def fill_disk(draw):
    """Let no file grow beyond some size: what is written behind it fails, as on a full disk."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (draw.randrange(4096, 60_000), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def fill_journal(draw):
    """The same for the journal alone: the memory that worker processes share is a file, too."""
    from atonce._journal.store import Store

    connect, pages = Store._connect, draw.randrange(1, 5)

    def connect_to_little(self):
        database = connect(self)
        database.execute(f"PRAGMA max_page_count={pages}")
        return database

    Store._connect = connect_to_little


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
