"""Row 25: small programs that the literature on systematic testing knows, in Python."""

from threading import Event, Lock, Semaphore

from tests.race.corpus.program import Program, together


class Driver:
    """A Bluetooth driver that is stopped while it serves: a request must not run once the driver has stopped."""

    def __init__(self):
        self.stopping = False
        self.stopped = False
        self.pending = 1  # the driver's own
        self.idle = Event()
        self.lock = Lock()

    def enter(self):
        if self.stopping:
            return False
        with self.lock:
            self.pending += 1
        return True

    def enter_safely(self):
        with self.lock:
            if self.stopping:
                return False
            self.pending += 1
        return True

    def leave(self):
        with self.lock:
            self.pending -= 1
            last = self.pending == 0
        if last:
            self.idle.set()

    def serve(self, enter):
        if enter():
            assert not self.stopped
            self.leave()

    def stop(self):
        with self.lock:
            self.stopping = True
        self.leave()
        self.idle.wait()
        self.stopped = True


def bluetooth_driver():
    driver = Driver()
    together(lambda: driver.serve(driver.enter), driver.stop)


def bluetooth_driver_fixed():
    driver = Driver()
    together(lambda: driver.serve(driver.enter_safely), driver.stop)


class AuditedAccount:
    """Three threads: one pays in, one takes out, one checks the books. The auditor of the first version adds up wrongly."""

    def __init__(self):
        self.balance = 10
        self.paid_in = False
        self.taken_out = False
        self.lock = Lock()

    def pay_in(self):
        with self.lock:
            self.balance += 5
            self.paid_in = True

    def take_out(self):
        with self.lock:
            self.balance -= 2
            self.taken_out = True

    def audit(self):
        with self.lock:
            if self.paid_in:
                assert self.balance == 15

    def audit_fully(self):
        with self.lock:
            expected = 10 + 5 * self.paid_in - 2 * self.taken_out
            assert self.balance == expected


def account_bad():
    account = AuditedAccount()
    together(account.pay_in, account.audit, account.take_out)


def account_bad_fixed():
    account = AuditedAccount()
    together(account.pay_in, account.audit_fully, account.take_out)


class Room:
    """For many of one sort at a time, and none of the other. The first in locks it, the last out unlocks it."""

    def __init__(self):
        self.lock = Lock()

    def enter(self, party):
        party.size += 1
        if party.size == 1:
            self.lock.acquire()

    def leave(self, party):
        party.size -= 1
        if party.size == 0:
            self.lock.release()


class Party:
    def __init__(self, lock):
        self.size = 0
        self.lock = lock

    def visit(self, room):
        with self.lock:
            room.enter(self)
        with self.lock:
            room.leave(self)


def carter01():
    room, door = Room(), Lock()
    cats, dogs = Party(door), Party(door)
    together(lambda: cats.visit(room), lambda: dogs.visit(room))
    assert cats.size == dogs.size == 0


def carter01_fixed():
    room = Room()
    cats, dogs = Party(Lock()), Party(Lock())
    together(lambda: cats.visit(room), lambda: dogs.visit(room))
    assert cats.size == dogs.size == 0


class Ring:
    """Each member takes over what the one before it has. They rely on the order in which they were started."""

    def __init__(self):
        self.values = [7, 0, 0, 0]
        self.lock = Lock()
        self.turns = [Semaphore(0) for _ in self.values]

    def take_over(self, member):
        with self.lock:
            self.values[member] = self.values[member - 1]

    def take_over_in_turn(self, member):
        self.turns[member].acquire()
        self.take_over(member)
        self.turns[(member + 1) % len(self.turns)].release()


def token_ring():
    ring = Ring()
    together(lambda: ring.take_over(1), lambda: ring.take_over(2), lambda: ring.take_over(3))
    assert ring.values == [7, 7, 7, 7]


def token_ring_fixed():
    ring = Ring()
    ring.turns[1].release()
    together(lambda: ring.take_over_in_turn(1), lambda: ring.take_over_in_turn(2), lambda: ring.take_over_in_turn(3))
    assert ring.values == [7, 7, 7, 7]


class Load:
    """Two loaders put a part each; the third thread is wrong to rely on it that one of them is late."""

    def __init__(self):
        self.data = 0
        self.lock = Lock()

    def put(self, part):
        with self.lock:
            self.data += part

    def look(self):
        with self.lock:
            assert self.data < 3

    def look_soberly(self):
        with self.lock:
            assert self.data in {0, 1, 2, 3}


def lazy01():
    load = Load()
    together(lambda: load.put(1), load.look, lambda: load.put(2))


def lazy01_fixed():
    load = Load()
    together(lambda: load.put(1), load.look_soberly, lambda: load.put(2))


PROGRAMS = (
    Program("bluetooth_driver", 25, 2, bluetooth_driver, bluetooth_driver_fixed, fixed_must="clear"),
    Program("account_bad", 25, 2, account_bad, account_bad_fixed, fixed_must="clear"),
    Program("carter01", 25, 2, carter01, carter01_fixed, "deadlock", "clear"),
    Program("token_ring", 25, 2, token_ring, token_ring_fixed, fixed_must="clear"),
    Program("lazy01", 25, 2, lazy01, lazy01_fixed, fixed_must="clear"),
)
