"""The parent's end of one worker process: whose a descriptor's number is, once its pipe has ended."""

import os
from contextlib import suppress

import pytest

from atonce._wire.arena_reader import Windows
from atonce._workers.process.link import Link
from atonce._workers.process.poller import make_poller


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
