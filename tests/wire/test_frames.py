"""Frames survive whatever a pipe does to them: pieces, floods, several writers, an end in the middle."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._wire.frames import Assembler, Inlet, Outlet, framed


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(1, 500), min_size=1))
def test_messages_come_whole_whatever_the_pieces(messages, sizes):
    stream = b"".join(framed(message) for message in messages)
    assembler, got, turn = Assembler(), [], 0
    while stream:
        size = sizes[turn % len(sizes)]
        got += assembler.feed(stream[:size])
        stream = stream[size:]
        turn += 1
    assert got == messages


def test_parts_are_joined():
    assert Assembler().feed(framed(b"B", b"head", b"tail")) == [b"Bheadtail"]


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for end in ends:
        if end is not None:
            os.close(end)


def test_large_messages_pass_a_pipe_that_is_smaller(pipe):
    message = bytes(range(256)) * 4096  # 1 MiB
    outlet = Outlet(pipe[1])
    writer = threading.Thread(target=lambda: [outlet.send(message), outlet.send(b"after")])
    writer.start()
    inlet = Inlet(pipe[0])
    assert inlet.next() == message
    assert inlet.next() == b"after"
    writer.join()


def test_an_end_in_the_middle_is_an_end(pipe):
    os.write(pipe[1], framed(b"whole") + framed(b"cut short")[:-3])
    os.close(pipe[1])
    pipe[1] = None
    inlet = Inlet(pipe[0])
    assert inlet.next() == b"whole"
    assert inlet.next() is None


def test_messages_of_several_threads_do_not_mix(pipe):
    outlet = Outlet(pipe[1])
    messages = [bytes([number]) * 30_000 for number in range(8)]
    threads = [threading.Thread(target=lambda message=message: [outlet.send(message) for _ in range(20)]) for message in messages]
    for thread in threads:
        thread.start()
    inlet = Inlet(pipe[0])
    got = [inlet.next() for _ in range(160)]
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(messages * 20)


def test_a_message_sent_from_within_a_message_waits_for_it(pipe, monkeypatch):
    outlet, write, turn = Outlet(pipe[1]), os.write, iter([True])

    def warns_once(fd, data):
        if next(turn, False):
            outlet.send(b"a warning of the garbage collector")
        return write(fd, data)

    monkeypatch.setattr(os, "write", warns_once)
    outlet.send(b"a result")
    inlet = Inlet(pipe[0])
    assert [inlet.next(), inlet.next()] == [b"a result", b"a warning of the garbage collector"]


def test_a_reader_that_has_gone_hurts_nobody(pipe):
    os.close(pipe[0])
    pipe[0] = None
    Outlet(pipe[1]).send(b"to nobody")
