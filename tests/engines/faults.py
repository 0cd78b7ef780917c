"""What goes wrong in a worker, and when: for the fault table. Workers import this, and so it imports little."""

# ruff: noqa: T201 (to print is what some items do)

import atexit
import ctypes
import functools
import os
import signal
import sys
import threading
import time

BAD, ITEMS = 17, 40

PIPE_FULL = 3_000_000  # bytes: many times what a pipe holds

LARGE = 300_000  # bytes: what goes through the arena

LAST_WORDS = "these are my last words"


class Trouble(Exception):
    """An exception of the user's own."""


class HoldsLock(Exception):
    """Does not pickle."""

    def __init__(self):
        super().__init__("it holds a lock")
        self.lock = threading.Lock()


class NeedsTwo(Exception):
    """Pickles, and does not rebuild: it is given one argument then."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def fail():
    raise Trouble("bad item")


def fail_without_pickling():
    raise HoldsLock


def fail_without_rebuilding():
    raise NeedsTwo("one", "two")


def leave():
    sys.exit(5)


def drop_dead():
    print(LAST_WORDS, file=sys.stderr)
    os._exit(0)


def touch_nothing():
    print(LAST_WORDS, file=sys.stderr)
    os.kill(os.getpid(), signal.SIGSEGV)


def touch_address_zero():
    print(LAST_WORDS, file=sys.stderr)
    ctypes.string_at(0)


def be_killed():
    print(LAST_WORDS, file=sys.stderr)
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    threading.Event().wait()


def run_away():
    return len(bytearray(1 << 30))


def dig():
    return dig() + 1


def shout():
    """Fill the pipes that carry what is printed, many times."""
    for stream in (sys.stdout, sys.stderr):
        print("x" * PIPE_FULL, file=stream)


FAILURES = {
    "an exception": fail,
    "an exception that does not pickle": fail_without_pickling,
    "an exception that does not rebuild": fail_without_rebuilding,
    "sys.exit": leave,
    "os._exit(0)": drop_dead,
    "SIGSEGV": touch_nothing,
    "a real segfault": touch_address_zero,
    "SIGKILL": be_killed,
    "a hang": hang,
    "memory": run_away,
    "recursion": dig,
    "a full pipe": shout,
}


class Trap:
    """Springs when it is pickled or unpickled, in the parent or anywhere else."""

    def __init__(self, failure, moment, *, at_home, home=None):
        self.failure = failure
        self.moment = moment
        self.at_home = at_home
        self.home = home or os.getpid()

    def spring(self, moment):
        if moment == self.moment and (os.getpid() == self.home) == self.at_home:
            FAILURES[self.failure]()

    def __reduce__(self):
        self.spring("pickling")
        return rebuild, (self.failure, self.moment, self.at_home, self.home)

    def __repr__(self):
        return f"<Trap {self.failure}>"


def rebuild(failure, moment, at_home, home):
    trap = Trap(failure, moment, at_home=at_home, home=home)
    trap.spring("unpickling")
    return trap


def give_back(item):
    return -1 if isinstance(item, Trap) else item


def run(item, *, failure):
    if item == BAD:
        FAILURES[failure]()
    return item


def answer(item, *, trap):
    return trap if item == BAD else item


def answer_halfway(item):
    """Die in the middle of writing the answer, when some of it is on its way."""
    if item == BAD:
        write = os.write

        def write_a_little(fd, data):
            write(fd, bytes(data[:10]))
            os.kill(os.getpid(), signal.SIGKILL)

        os.write = write_a_little
    return item


def numbers(bad=BAD):
    return [*range(BAD), bad, *range(BAD + 1, ITEMS)]


MOMENTS = {
    "pickling the item": lambda failure: (give_back, numbers(Trap(failure, "pickling", at_home=True))),
    "unpickling in the worker": lambda failure: (give_back, numbers(Trap(failure, "unpickling", at_home=False))),
    "running": lambda failure: (functools.partial(run, failure=failure), numbers()),
    "pickling the result": lambda failure: answers(Trap(failure, "pickling", at_home=False)),
    "unpickling in the parent": lambda failure: answers(Trap(failure, "unpickling", at_home=True)),
}


def answers(trap):
    return functools.partial(answer, trap=trap), numbers()


class FunctionTrap:
    """A function that springs when it is pickled, or unpickled."""

    def __init__(self, failure, *, pickling):
        self.trap = Trap(failure, "pickling" if pickling else "unpickling", at_home=pickling)

    def __call__(self, item):
        return item


def ends_with(failure, item):
    """Register something for the end of the worker, once."""
    if "_registered" not in globals():
        globals()["_registered"] = atexit.register(FAILURES[failure])
    return item


def text(number):
    """What goes through the pipe, however large."""
    return chr(97 + number % 26) * PIPE_FULL


def binary(number):
    """What goes through the arena."""
    return bytes([number]) * LARGE


def measure(pair, *, failure=None):
    number, body = pair
    if failure is not None and number == BAD:
        FAILURES[failure]()
    return number, len(body), body[-1]


def make(number, *, of):
    return of(number)


def note_and(evidence, failure, number):
    evidence.note(number)
    if number == BAD:
        FAILURES[failure]()
    return number


def note_and_die(evidence, killers, number):
    evidence.note(number)
    if number in killers:
        FAILURES[killers[number]]()
    return number


def raise_then(evidence, failure, number):
    evidence.note(number)
    if number == BAD:
        if evidence.lines().count(str(number)) == 1:
            raise Trouble
        FAILURES[failure]()
    return number


def note_time_and_hang(evidence, number):
    if number == BAD:
        evidence.note(time.monotonic())
        hang()
    return number


def hold_the_gil(seconds):
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def hold_for_long(number):
    if number == BAD:
        hold_the_gil(3600)
    return number


def pid_of(number):
    return number, os.getpid()


def bytearray_of(size):
    return len(bytearray(size))
