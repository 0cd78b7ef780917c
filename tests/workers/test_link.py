"""The parent's end of one worker process: whose a descriptor's number is, once its pipe has ended."""

import os
from contextlib import suppress

import pytest

from atonce._wire.arena_reader import Windows
from atonce._workers.process.link import Link, Piece
from atonce._workers.process.poller import make_poller
from atonce._workers.process.protocol import CLAIM, DEPTH


class Stillbirths:
    """A nursery that lets nobody have the other ends, so that all pipes end at once."""

    def bear(self, number, name, ends):
        """Bear nobody."""

    def kill(self, number):
        """Kill nobody."""


@pytest.fixture
def poller():
    made = make_poller()
    yield made
    made.close()


@pytest.fixture
def readers():
    """Who reads which descriptor, as the supervisor knows it."""
    return {}


@pytest.fixture
def link(poller, readers):
    made = Link(1, "worker-1", Stillbirths(), poller, readers, Windows())
    yield made
    made.close()


@pytest.fixture
def take_over(link):
    """Let a pipe that has something to read take the number of a descriptor that was closed."""
    taken = []

    def take(number, says):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
        reader, writer = os.pipe()
        taken.extend({reader, writer} - {number})
        os.write(writer, says)
        if reader != number:
            os.dup2(reader, number, inheritable=False)
        taken.append(number)

    yield take
    for end in taken:
        with suppress(OSError):  # the link has closed it, which the test has noticed
            os.close(end)


def test_it_is_the_reader_of_its_ends_until_they_are_closed(poller, readers):
    link = Link(1, "worker-1", Stillbirths(), poller, readers, Windows())
    assert readers == dict.fromkeys(link.ends, link)
    link.close()
    assert readers == {}


def test_who_listens_to_its_voices_may_be_who_closes_them(link, readers):
    link.listen()
    assert list(readers) == link.ends == [link.outbox]


def test_what_has_taken_the_number_of_a_closed_end_is_left_alone(link, take_over):
    """The supervisor is told of several ends at once, and hearing one of them may close another."""
    for end in link.ends:
        link.read(end)
        take_over(end, b"somebody else's")
        assert link.read(end) == []
        assert os.read(end, 100) == b"somebody else's"


def test_a_pipe_that_nobody_waits_for_may_have_room(link):
    """Another pipe had its number when the supervisor was told of room."""
    link.send(b"a short message")
    link.flush()
    assert link.inbox >= 0


def ship(link, items):
    return link.ship(Piece(0, items), b"B", b"")


def test_each_batch_needs_a_word_for_its_limit_until_it_has_been_claimed(link):
    flights = [ship(link, [1, 2]) for _ in range(DEPTH)]
    assert link.room == 0
    link.words[CLAIM] = flights[3].serial << 32 | 1
    assert link.room == 3
    link.words[CLAIM] = flights[3].serial << 32 | 2
    assert link.room == 4


def test_a_batch_that_was_cut_short_needs_its_word_until_the_worker_has_gone_on(link):
    """It may have claimed up to the cut, and be about to look at the word."""
    first, second = ship(link, [1, 2, 3]), ship(link, [4])
    link.words[CLAIM] = first.serial << 32 | 1
    assert link.take_back(first, 0, lambda _arena: None) == [2, 3]
    assert link.room == DEPTH - 2
    link.words[CLAIM] = second.serial << 32 | 1
    assert link.room == DEPTH


def test_answers_out_of_turn_leave_what_stands_between_them(link):
    flight = ship(link, list(range(10)))
    flight.answered(3, 2)
    flight.answered(7, 1)
    assert [(piece.start, piece.items) for piece in flight.rest()] == [(0, [0, 1, 2]), (5, [5, 6]), (8, [8, 9])]
    assert (flight.done, flight.left, link.load) == (0, 7, 7)
    flight.answered(0, 3)
    assert (flight.done, flight.beyond, flight.left) == (5, {7}, 4)
    flight.answered(5, 2)
    flight.answered(8, 2)
    assert (flight.done, flight.beyond, flight.rest()) == (10, set(), [])
