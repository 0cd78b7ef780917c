"""Workers that take, run, answer, share and die in any order: no item is forgotten, had by two, or blamed for another's deed."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from atonce._policy.supervision import AFTER_KILLS, Hand, share
from atonce._values.job import Job
from atonce._workers.process.inquest import Inquest
from atonce._workers.process.link import Piece, Sent

ITEMS = 40
WORKERS = 3
AHEAD = 2
SIGKILL = -9


class Worker:
    """A worker process and what the desk knows of it: as a ``Link``, for the inquest."""

    condemned, orphaned, tries, doing = None, False, 1, "running"

    def __init__(self):
        self.flights = {}
        self.serial = 0
        self.begin()

    def begin(self):
        """Be born, again."""
        self.claimed = {}  # by serial: items before this position have been claimed
        self.finished = 0  # of the first flight, one by one: items before this position have been run
        self.phase, self.mark = "waiting", -1

    @property
    def first(self):
        return next(iter(self.flights.values()), None)

    def begun(self, flight):
        return self.claimed.get(flight.serial, 0)

    def under_way(self):
        """List where the items are that have been claimed and not been answered."""
        return [
            (flight, position)
            for flight in self.flights.values()
            for position in range(flight.done, min(self.begun(flight), flight.limit))
            if position not in flight.beyond
        ]

    def hand(self, flight, *, together):
        mark = self.mark if flight is self.first else -1
        return Hand(self.phase, mark, self.begun(flight), together, condemned=False)

    def unclaimed(self, flight):
        return max(0, flight.limit - max(self.begun(flight), flight.done))

    def tail(self):
        return ()


class Desk(RuleBasedStateMachine):
    """Pieces, flights and ends, by the real verdicts. The model: which items kill, when, and where each item is.

    An item may kill its worker whenever it is run, or whenever its result is packed; or a worker is killed from outside.
    """

    @initialize(
        runs=st.sets(st.integers(0, ITEMS - 1), max_size=4),
        packs=st.sets(st.integers(0, ITEMS - 1), max_size=4),
        retries=st.integers(0, 3),
        together=st.booleans(),
    )
    def begin(self, runs, packs, retries, together):
        self.kill_by_running, self.kill_by_packing = runs, packs - runs
        self.retries = retries
        self.together = together
        self.inquest = Inquest(Job(abs, retries=retries, in_flight=4 if together else 1))
        self.pieces = []
        self.workers = [Worker() for _ in range(WORKERS)]
        self.read = 0
        self.values, self.failures = [], []
        self.murders = dict.fromkeys(range(ITEMS), 0)
        self.outside = set()  # items that were in hand when somebody killed their worker from outside

    @rule(count=st.integers(1, 12))
    def read_input(self, count):
        items = range(self.read, min(ITEMS, self.read + count))
        if items:
            self.pieces.append(Piece(self.read, list(items)))
            self.read = items.stop

    @precondition(lambda self: self.pieces)
    @rule(number=st.integers(0, WORKERS - 1), size=st.integers(1, 12))
    def send(self, number, size):
        worker, piece = self.workers[number], self.pieces[0]
        if len(worker.flights) >= AHEAD:
            return
        del self.pieces[0]
        if len(piece.items) > size:
            self.pieces.insert(0, Piece(piece.start + size, piece.items[size:], careful=piece.careful))
            piece = Piece(piece.start, piece.items[:size], careful=piece.careful)
        worker.serial += 1
        worker.flights[worker.serial] = Sent(worker.serial, piece)

    @precondition(lambda self: any(worker.flights for worker in self.workers))
    @rule(number=st.integers(0, WORKERS - 1), stride=st.integers(1, 4), results=st.integers(0, 4))
    def work(self, number, stride, results):
        """Claim some items, run them, and answer some of the results; each of these may be the end."""
        worker = self.workers[number]
        if worker.first is None:
            return
        if self.together and not worker.first.careful:
            self.work_together(worker, stride, results)
        else:
            self.work_one_by_one(worker, stride, results)
        for flight in [flight for flight in worker.flights.values() if flight.done >= flight.limit]:
            del worker.flights[flight.serial]
            worker.finished = 0

    def work_one_by_one(self, worker, stride, results):
        flight = worker.first
        if flight.careful:
            stride = results = 1
            assert worker.finished == flight.done, "who is suspected is answered before the next one begins"
        worker.claimed[flight.serial] = max(worker.begun(flight), min(flight.limit, worker.finished + stride))
        while worker.finished < min(worker.begun(flight), flight.limit):
            if flight.items[worker.finished] in self.kill_by_running:
                self.murder(worker, flight.items[worker.finished], "running", worker.finished)
                return
            worker.finished += 1
        for position in range(flight.done, min(flight.done + results, worker.finished)):
            if flight.items[position] in self.kill_by_packing:
                self.murder(worker, flight.items[position], "packing", position if flight.careful else -1)
                return
            self.answer(flight, position)

    def work_together(self, worker, stride, results):
        """Side by side, in several flights; but a flight of suspects waits until all before it are done."""
        for flight in worker.flights.values():
            if flight.careful:
                break
            count = min(stride, worker.unclaimed(flight))
            worker.claimed[flight.serial] = max(worker.begun(flight), flight.done) + count
            stride -= count
        for flight, position in worker.under_way()[::-1][:results]:
            item = flight.items[position]
            if item in self.kill_by_running | self.kill_by_packing:
                self.murder(worker, item, "running", -1)
                return
            self.answer(flight, position)

    def answer(self, flight, position):
        self.values.append(flight.items[position])
        flight.answered(position, 1)

    def murder(self, worker, item, phase, mark):
        self.murders[item] += 1
        self.die(worker, phase, mark)

    @precondition(lambda self: any(worker.flights for worker in self.workers))
    @rule(number=st.integers(0, WORKERS - 1), phase=st.sampled_from(["waiting", "reading", "running"]))
    def somebody_kills(self, number, phase):
        """From outside: the kernel, or an operator. Whoever is in hand is taken to be to blame, and nobody else."""
        worker = self.workers[number]
        flight, mark = worker.first, -1
        if flight is None or (phase == "reading" and worker.begun(flight)) or worker.finished >= flight.limit:
            return
        if phase == "reading":
            self.outside.update(flight.items[: flight.limit])
            if flight.careful:
                worker.claimed[flight.serial], mark = 1, 0
        elif phase == "running":
            if not self.together or flight.careful:
                mark = worker.finished
                worker.claimed[flight.serial] = max(worker.begun(flight), mark + 1)
            self.outside.update(flight.items[position] for flight, position in worker.under_way())
        self.die(worker, phase, mark)

    def die(self, worker, phase, mark):
        worker.phase, worker.mark = phase, mark
        begun = {flight.items[position] for flight, position in worker.under_way()}
        suspected = {item for flight in worker.flights.values() if flight.careful for item in flight.items}
        reading = phase == "reading"
        finding = self.inquest.hold(worker, SIGKILL, "")
        assert not worker.flights
        careful = {item for piece in finding.left if piece.careful for item in piece.items}
        assert reading or careful <= begun | suspected, "an item is suspected that had not been begun"
        assert len(begun) < 2 or finding.failed is None or mark >= 0, "one is blamed, and it may have been another"
        self.pieces += finding.left
        if finding.failed is not None:
            item = finding.failed.item
            assert finding.failed.at == item
            assert self.murders[item] or item in self.outside, "an innocent item is blamed"
            assert finding.failed.attempts <= min(1 + self.retries, AFTER_KILLS)
            self.failures.append(item)
        worker.begin()

    @rule(number=st.integers(0, WORKERS - 1), item_s=st.none() | st.floats(1e-6, 1.0), patient=st.booleans())
    def share(self, number, item_s, patient):
        idle = self.workers[number]
        if idle.flights:
            return
        others = [worker for worker in self.workers if worker.flights]
        unstarted = [[worker.unclaimed(flight) for flight in worker.flights.values()] for worker in others]
        choice = share(unstarted, item_s, patient=patient)
        if choice is None:
            assert patient or not any(map(any, unstarted)), "somebody idles beside work that nobody has begun"
            return
        victim = others[choice.worker]
        flight = [*victim.flights.values()][choice.flight]
        limit = max(victim.begun(flight), flight.done) + choice.keep
        assert 0 <= limit < flight.limit
        taken = flight.items[limit : flight.limit]
        assert limit >= victim.begun(flight), "what has been begun is not given away"
        assert len(taken) <= (sum(unstarted[choice.worker]) + 1) // 2, "more is taken than is left"
        reading = flight is victim.first and not victim.begun(flight)
        self.pieces.append(Piece(flight.start + limit, taken, careful=flight.careful or reading))
        flight.limit = limit
        if flight.done >= limit:
            if flight is victim.first:
                victim.finished = 0
            del victim.flights[flight.serial]

    @invariant()
    def every_item_is_in_exactly_one_place(self):
        if hasattr(self, "workers"):
            flying = [
                item
                for worker in self.workers
                for flight in worker.flights.values()
                for piece in flight.rest()
                for item in piece.items
            ]
            lying = [item for piece in self.pieces for item in piece.items]
            assert sorted(flying + lying + self.values + self.failures) == list(range(self.read))

    @invariant()
    def a_piece_is_what_it_says(self):
        if hasattr(self, "workers"):
            assert all(list(piece.items) == [*range(piece.start, piece.start + len(piece.items))] for piece in self.pieces)

    def teardown(self):
        """Without more deaths from outside, all comes to an end: each item that kills fails, and all others have values."""
        if not hasattr(self, "workers"):
            return
        self.read_input(ITEMS)
        for turn in range(40 * ITEMS):
            if not self.pieces and not any(worker.flights for worker in self.workers):
                break
            if self.pieces:
                self.send(turn % WORKERS, 5)
            self.work(turn % WORKERS, 3, 2)
            self.every_item_is_in_exactly_one_place()
        assert sorted(self.values + self.failures) == list(range(self.read))
        killers = {item for item in self.kill_by_running | self.kill_by_packing if item < self.read}
        assert killers <= {*self.failures}, "an item that kills has a value"
        assert {*self.failures} <= killers | self.outside
        # A murder while packing may have been suspected only; it is convicted of the next one.
        assert all(count <= AFTER_KILLS + 1 for count in self.murders.values()), "a killer went on killing"


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
