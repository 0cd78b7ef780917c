"""Rows 5 and 6: locks taken in a circle."""

from threading import Lock, Thread

from tests.race.corpus.program import Program, together


class Purse:
    def __init__(self, number, coins):
        self.number = number
        self.coins = coins
        self.lock = Lock()


def move(source, target, coins):
    with source.lock, target.lock:
        source.coins -= coins
        target.coins += coins


def move_in_order(source, target, coins):
    first, second = sorted((source, target), key=lambda purse: purse.number)
    with first.lock, second.lock:
        source.coins -= coins
        target.coins += coins


def abba_deadlock():
    left, right = Purse(1, 10), Purse(2, 10)
    together(lambda: move(left, right, 3), lambda: move(right, left, 4))
    assert (left.coins, right.coins) == (11, 9)


def abba_deadlock_fixed():
    left, right = Purse(1, 10), Purse(2, 10)
    together(lambda: move_in_order(left, right, 3), lambda: move_in_order(right, left, 4))
    assert (left.coins, right.coins) == (11, 9)


class Philosopher(Thread):
    def __init__(self, seat, forks, meals):
        super().__init__(name=f"philosopher {seat}")
        self.seat = seat
        self.forks = forks
        self.meals = meals

    def chosen(self):
        return self.seat, (self.seat + 1) % len(self.forks)

    def run(self):
        first, second = self.chosen()
        with self.forks[first], self.forks[second]:
            self.meals[self.seat] += 1


class PolitePhilosopher(Philosopher):
    def chosen(self):
        return sorted(super().chosen())


def dine(kind, seats):
    forks = [Lock() for _ in range(seats)]
    meals = [0] * seats
    table = [kind(seat, forks, meals) for seat in range(seats)]
    for philosopher in table:
        philosopher.start()
    for philosopher in table:
        philosopher.join()
    assert meals == [1] * seats


def philosophers(seats):
    def buggy():
        dine(Philosopher, seats)

    def fixed():
        dine(PolitePhilosopher, seats)

    return Program(f"philosophers_{seats}", 6, seats, buggy, fixed, "deadlock", "clear")


PROGRAMS = (
    Program("abba_deadlock", 5, 2, abba_deadlock, abba_deadlock_fixed, "deadlock"),
    *(philosophers(seats) for seats in range(2, 8)),
)
