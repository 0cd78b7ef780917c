"""Messages over a pipe."""

import fcntl
import os
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atonce._wire.frames import receive, send

CAPACITY = 1 << 16  # of a pipe, unless somebody has changed it


class Pipe:
    """Both ends of a pipe, closed with the block wherever they still are open."""

    def __enter__(self):
        self.reader, self.writer = os.pipe()
        return self

    def __exit__(self, *_):
        self.close_reader()
        self.close_writer()

    def close_reader(self):
        with suppress(OSError):
            os.close(self.reader)
        self.reader = -1

    def close_writer(self):
        with suppress(OSError):
            os.close(self.writer)
        self.writer = -1


@pytest.fixture
def pipe():
    with Pipe() as ends:
        yield ends


def sent_meanwhile(pipe, payloads):
    """Send from a thread, as more may be sent than the pipe can hold."""
    thread = threading.Thread(target=lambda: [send(pipe.writer, payload) for payload in payloads])
    thread.start()
    return thread


def pattern(size):
    return bytes(range(251)) * (size // 251) + bytes(range(size % 251))  # a prime, so that a shifted block shows


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, CAPACITY - 9, CAPACITY - 8])
def test_a_message_that_fits_the_pipe_needs_no_reader_yet(pipe, size):
    payload = pattern(size)
    send(pipe.writer, payload)
    assert receive(pipe.reader) == payload


@pytest.mark.parametrize(
    "size", [CAPACITY - 7, CAPACITY - 1, CAPACITY, CAPACITY + 1, 2 * CAPACITY, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_011]
)
def test_a_message_bigger_than_the_pipe_arrives_whole(pipe, size):
    payload = pattern(size)
    thread = sent_meanwhile(pipe, [payload])
    received = receive(pipe.reader)
    thread.join()
    assert received == payload


@given(st.lists(st.binary(max_size=300) | st.integers(CAPACITY - 20, CAPACITY + 20).map(pattern), max_size=6))
def test_messages_keep_their_order_and_their_bounds(payloads):
    with Pipe() as pipe:
        thread = sent_meanwhile(pipe, payloads)
        received = [bytes(receive(pipe.reader)) for _ in payloads]
        thread.join()
        pipe.close_writer()
        assert received == payloads
        assert os.read(pipe.reader, 1) == b""


def test_the_reader_takes_what_trickles_in(pipe):
    payload = pattern(1000)
    message = len(payload).to_bytes(8, "little") + payload
    received = []
    thread = threading.Thread(target=lambda: received.append(receive(pipe.reader)))
    thread.start()
    for start in range(0, len(message), 7):
        os.write(pipe.writer, message[start : start + 7])
    thread.join()
    assert received == [payload]


def test_a_pipe_that_takes_little_at_a_time_gets_all_of_it(pipe):
    fcntl.fcntl(pipe.writer, fcntl.F_SETPIPE_SZ, 4096)
    payload = pattern(50_000)
    thread = sent_meanwhile(pipe, [payload])
    received = receive(pipe.reader)
    thread.join()
    assert received == payload


def test_a_closed_writer_is_the_end(pipe):
    send(pipe.writer, b"last")
    pipe.close_writer()
    assert receive(pipe.reader) == b"last"
    with pytest.raises(EOFError):
        receive(pipe.reader)


@pytest.mark.parametrize("kept", [1, 7, 8, 9, 100, 1007])
def test_a_message_that_breaks_off_is_the_end_too(pipe, kept):
    payload = pattern(1000)
    os.write(pipe.writer, (len(payload).to_bytes(8, "little") + payload)[:kept])
    pipe.close_writer()
    with pytest.raises(EOFError):
        receive(pipe.reader)


def test_a_big_message_that_breaks_off_is_the_end_too(pipe):
    os.write(pipe.writer, (3 << 20).to_bytes(8, "little") + pattern(30_000))
    pipe.close_writer()
    with pytest.raises(EOFError):
        receive(pipe.reader)


@pytest.mark.parametrize("size", [0, 10, CAPACITY, 3 * CAPACITY])
def test_a_closed_reader_breaks_the_pipe(pipe, size):
    pipe.close_reader()
    with pytest.raises(BrokenPipeError):
        send(pipe.writer, pattern(size))


def test_a_reader_that_closes_in_the_middle_breaks_the_pipe(pipe):
    broken = threading.Event()

    def send_too_much():
        with suppress(BrokenPipeError):
            send(pipe.writer, pattern(10 * CAPACITY))
            return
        broken.set()

    thread = threading.Thread(target=send_too_much)
    thread.start()
    os.read(pipe.reader, 8)
    pipe.close_reader()
    thread.join()
    assert broken.is_set()
