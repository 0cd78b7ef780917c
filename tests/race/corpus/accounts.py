"""Rows 1 to 4, and 13: money and counters that get lost."""

import time
from threading import Lock, Thread

from tests.race.corpus.program import Program, together


class Account:
    def __init__(self, balance=0):
        self.balance = balance
        self.lock = Lock()

    def deposit_slowly(self, amount):
        seen = self.balance
        time.sleep(0.001)
        self.balance = seen + amount

    def withdraw(self, amount):
        if self.balance >= amount:
            self.balance -= amount

    def get(self):
        with self.lock:
            return self.balance

    def put(self, balance):
        with self.lock:
            self.balance = balance


def lost_update_sleep():
    account = Account()
    first = Thread(target=account.deposit_slowly, args=(10,))
    second = Thread(target=account.deposit_slowly, args=(20,))
    first.start()
    second.start()
    first.join()
    second.join()
    assert account.balance == 30


def lost_update_sleep_fixed():
    account = Account()

    def deposit(amount):
        with account.lock:
            account.deposit_slowly(amount)

    first = Thread(target=deposit, args=(10,))
    second = Thread(target=deposit, kwargs={"amount": 20})
    first.start()
    second.start()
    first.join()
    second.join()
    assert account.balance == 30


class Counter:
    def __init__(self):
        self.n = 0
        self.lock = Lock()

    def add(self):
        self.n += 1

    def add_locked(self):
        with self.lock:
            self.n += 1


def counter_aug():
    counter = Counter()
    together(counter.add, counter.add, counter.add)
    assert counter.n == 3


def counter_aug_fixed():
    counter = Counter()
    together(counter.add_locked, counter.add_locked, counter.add_locked)
    assert counter.n == 3


def overdraft():
    account = Account(100)
    together(lambda: account.withdraw(70), lambda: account.withdraw(60))
    assert account.balance >= 0


def overdraft_fixed():
    account = Account(100)

    def withdraw(amount):
        with account.lock:
            account.withdraw(amount)

    together(lambda: withdraw(70), lambda: withdraw(60))
    assert account.balance >= 0


def locked_atomicity():
    account = Account()

    def deposit():
        account.put(account.get() + 5)

    together(deposit, deposit)
    assert account.get() == 10


def locked_atomicity_fixed():
    account = Account()

    def deposit():
        with account.lock:
            account.balance = account.balance + 5

    together(deposit, deposit)
    assert account.get() == 10


class Turnstile:
    """Two doors that count into one number."""

    def __init__(self):
        self.visitors = 0
        self.north_lock = Lock()
        self.south_lock = Lock()

    def enter_north(self):
        with self.north_lock:
            self.visitors = self.visitors + 1

    def enter_south(self):
        with self.south_lock:
            self.visitors = self.visitors + 1


class OneLockTurnstile(Turnstile):
    def __init__(self):
        super().__init__()
        self.south_lock = self.north_lock


def wronglock():
    turnstile = Turnstile()
    together(turnstile.enter_north, turnstile.enter_south)
    assert turnstile.visitors == 2


def wronglock_fixed():
    turnstile = OneLockTurnstile()
    together(turnstile.enter_north, turnstile.enter_south)
    assert turnstile.visitors == 2


PROGRAMS = (
    Program("lost_update_sleep", 1, 2, lost_update_sleep, lost_update_sleep_fixed),
    Program("counter_aug", 2, 2, counter_aug, counter_aug_fixed),
    Program("overdraft", 3, 2, overdraft, overdraft_fixed),
    Program("locked_atomicity", 4, 2, locked_atomicity, locked_atomicity_fixed),
    Program("wronglock", 13, 2, wronglock, wronglock_fixed),
)
