"""Rows 14 to 16: several values that belong together, changed one by one."""

from threading import Lock

from tests.race.corpus.program import Program, together


class TwoStage:
    """The second value follows from the first, and each has its lock."""

    def __init__(self):
        self.order = 0
        self.invoice = 0
        self.order_lock = Lock()
        self.invoice_lock = Lock()

    def write(self):
        with self.order_lock:
            self.order = 1
        with self.invoice_lock:
            self.invoice = self.order + 1

    def check(self):
        with self.order_lock:
            order = self.order
        if order:
            with self.invoice_lock:
                invoice = self.invoice
            assert invoice == order + 1

    def write_at_once(self):
        with self.order_lock, self.invoice_lock:
            self.order = 1
            self.invoice = self.order + 1

    def check_at_once(self):
        with self.order_lock, self.invoice_lock:
            order, invoice = self.order, self.invoice
        assert not order or invoice == order + 1


def twostage():
    stages = TwoStage()
    together(stages.write, stages.check)


def twostage_fixed():
    stages = TwoStage()
    together(stages.write_at_once, stages.check_at_once)


class Pair:
    def __init__(self):
        self.plus = 0
        self.minus = 0
        self.lock = Lock()

    def set(self):
        self.plus = 1
        self.minus = -1

    def check(self):
        plus = self.plus
        minus = self.minus
        assert plus + minus == 0

    def set_locked(self):
        with self.lock:
            self.set()

    def check_locked(self):
        with self.lock:
            self.check()


def reorder(threads):
    def buggy():
        pair = Pair()
        together(*[pair.set] * (threads - 1), pair.check)

    def fixed():
        pair = Pair()
        together(*[pair.set_locked] * (threads - 1), pair.check_locked)

    return Program(f"reorder_{threads}", 15, 2, buggy, fixed, fixed_must="clear")


class Rocket:
    def __init__(self):
        self.phase = 0
        self.lock = Lock()

    def fly(self):
        self.phase = 1
        self.phase = 2
        self.phase = 3
        self.phase = 4

    def watch(self):
        in_order = self.phase == 1 and self.phase == 2 and self.phase == 3
        assert not in_order

    def fly_locked(self):
        with self.lock:
            self.fly()

    def watch_locked(self):
        with self.lock:
            self.watch()


def three_phase():
    rocket = Rocket()
    together(rocket.fly, rocket.watch)


def three_phase_fixed():
    rocket = Rocket()
    together(rocket.fly_locked, rocket.watch_locked)


PROGRAMS = (
    Program("twostage", 14, 2, twostage, twostage_fixed),
    reorder(3),
    reorder(5),
    reorder(10),
    Program("three_phase", 16, 4, three_phase, three_phase_fixed),
)
