"""What workers print, log and warn: both sides, in one process or with a plain child, without an engine between them."""

import ast
import contextlib
import io
import logging
import marshal
import os
import subprocess
import sys
import threading
import types
import warnings
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atonce
from atonce._workers.process import forward
from atonce._workers.process.voices import (
    LineRelay,
    describe_logging,
    describe_warnings,
    relay_record,
    relay_warning,
)

HOME = str(Path(atonce.__file__).parents[1])


def child(code):
    """Run a program as bare as a worker; it must end well."""
    start = f"import sys; sys.path.append({HOME!r})\n"
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ended = subprocess.run([sys.executable, "-S", "-P", "-c", start + code], capture_output=True, check=False, env=quiet)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended


# ---- print ----------------------------------------------------------------------------------------------------------------------


class Writes(io.StringIO):
    """A stream that is no plain text stream, as a notebook's; remembers each call."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def write(self, text):
        self.calls.append(text)
        return super().write(text)


def listen(monkeypatch):
    """Listen to stdout. Not a fixture: pytest puts its own stream back between those and the test."""
    stream = Writes()
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


def test_lines_are_written_when_they_are_whole(monkeypatch):
    out = listen(monkeypatch)
    relay = LineRelay("stdout")
    relay.feed(b"one\ntwo\nthr")
    assert out.calls == ["one\ntwo\n"]  # with one call
    relay.feed(b"ee")
    assert out.calls == ["one\ntwo\n"]
    relay.feed(b"\nfour")
    assert out.calls == ["one\ntwo\n", "three\n"]
    relay.end()
    assert out.calls[2:] == ["four\n"]
    relay.end()
    assert len(out.calls) == 3


def test_lines_of_two_workers_do_not_mix(monkeypatch):
    out = listen(monkeypatch)
    one, two = LineRelay("stdout"), LineRelay("stdout")
    for number in range(3):
        one.feed(b"a" * 5)
        two.feed(b"b" * 5)
        one.feed(b"%d\n" % number)
        two.feed(b"%d\n" % number)
    assert sorted(out.getvalue().split()) == ["aaaaa0", "aaaaa1", "aaaaa2", "bbbbb0", "bbbbb1", "bbbbb2"]


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 50), max_size=20))
def test_no_byte_is_lost_however_they_come(lines, cuts):
    data = b"\n".join(lines)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    got = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    relay = LineRelay("stdout", tail_lines=3)
    with contextlib.redirect_stdout(got):
        for begin, end in pairwise(places):
            relay.feed(data[begin:end])
        relay.end()
    closed = data if not data or data.endswith((b"\n", b"\r")) else data + b"\n"
    assert got.buffer.getvalue() == closed


def test_a_progress_bar_moves(monkeypatch):
    out = listen(monkeypatch)
    relay = LineRelay("stdout")
    relay.feed(b"\r 10%")
    relay.feed(b"\r 20%")
    relay.feed(b"\r 30%")
    assert out.getvalue() == "\r 10%\r 20%\r"


def test_a_line_without_end_is_let_out_in_whole_characters(monkeypatch):
    out = listen(monkeypatch)
    relay = LineRelay("stdout")
    text = "é" * 50_000 + "x"
    data = text.encode()
    for begin in range(0, len(data), 1001):  # odd, so that characters are cut
        relay.feed(data[begin : begin + 1001])
    assert len(out.getvalue()) > 30_000
    relay.end()
    assert out.getvalue() == text + "\n"


def test_bytes_are_not_encoded_again(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    stream.write("before ")
    LineRelay("stdout").feed(b"\xff\xc3\xa9\n")
    assert stream.buffer.getvalue() == b"before \xff\xc3\xa9\n"


def test_a_stream_that_does_something_with_what_is_written_gets_it_as_text(monkeypatch):
    class Tee(io.TextIOWrapper):
        def write(self, text):
            seen.append(text)
            return super().write(text)

    seen = []
    stream = Tee(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    LineRelay("stdout").feed(b"line \xff\n")
    assert seen == ["line \ufffd\n"]
    plain = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    plain.write = seen.append
    monkeypatch.setattr(sys, "stdout", plain)
    LineRelay("stdout").feed(b"second\n")
    assert seen[1:] == ["second\n"]


def test_an_unbuffered_stream_gets_everything(monkeypatch):
    class Drips(io.RawIOBase):
        def __init__(self):
            self.got = b""

        def writable(self):
            return True

        def write(self, data):
            self.got += bytes(data[:3])
            return min(3, len(data))

    drips = Drips()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(drips, write_through=True))
    LineRelay("stdout").feed(b"0123456789\n")
    assert drips.got == b"0123456789\n"


def test_capsys_sees_it(capsys):
    LineRelay("stdout").feed(b"to stdout\n")
    LineRelay("stderr").feed("zu stderr: ä\n".encode())
    assert capsys.readouterr() == ("to stdout\n", "zu stderr: ä\n")


def test_capfd_sees_it(capfd):
    LineRelay("stdout").feed(b"to stdout\n")
    assert capfd.readouterr().out == "to stdout\n"


def test_redirected_output_is_followed(monkeypatch):
    out = listen(monkeypatch)
    relay = LineRelay("stdout")
    relay.feed(b"before\nhal")
    with contextlib.redirect_stdout(io.StringIO()) as inside:
        relay.feed(b"f\n")
    relay.feed(b"after\n")
    assert inside.getvalue() == "half\n"
    assert out.getvalue() == "before\nafter\n"


class Refuses(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error
        self.calls = 0

    def write(self, _text):
        self.calls += 1
        raise self.error


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (BrokenPipeError(), 1),
        (ValueError("I/O operation on closed file"), 1),
        (UnicodeEncodeError("ascii", "é", 0, 1, "ordinal"), 2),
        (OSError(28, "No space left on device"), 2),
        (BlockingIOError(), 2),
        (SystemExit(), 2),
        (AttributeError(), 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_stream_that_fails_harms_nobody(monkeypatch, error, calls):
    stream = Refuses(error)
    monkeypatch.setattr(sys, "stdout", stream)
    relay = LineRelay("stdout", tail_lines=2)
    relay.feed(b"first\n")
    relay.feed(b"second\n")
    assert stream.calls == calls
    assert relay.tail() == ("first", "second")
    better = Writes()
    monkeypatch.setattr(sys, "stdout", better)
    relay.feed(b"third\n")
    assert better.calls == ["third\n"]


def test_where_there_is_no_stream_nothing_is_written(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    LineRelay("stdout").feed(b"line\n")
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    LineRelay("stdout").feed(b"line\n")


def test_the_tail_is_the_last_lines(monkeypatch):
    listen(monkeypatch)
    relay = LineRelay("stdout", tail_lines=3)
    assert relay.tail() == ()
    relay.feed(b"one\ntwo\n\n  \nthree\nfour\n")
    assert relay.tail() == ("two", "three", "four")
    relay.feed(b"fi")
    relay.feed(b"ve \xff")
    assert relay.tail() == ("three", "four", "five \ufffd")
    relay.end()
    assert relay.tail() == ("three", "four", "five \ufffd")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_progress_bar_does_not_fill_the_tail(monkeypatch, size):
    listen(monkeypatch)
    data = b"starting\r\n" + b"".join(b"\r%3d%%|####" % number for number in range(101)) + b"\nKeyError: 3\n\rwork\rdone"
    relay = LineRelay("stdout", tail_lines=5)
    for begin in range(0, len(data), size):
        relay.feed(data[begin : begin + size])
    assert relay.tail() == ("starting", "100%|####", "KeyError: 3", "done")


def test_the_tail_is_short_in_every_way(monkeypatch):
    listen(monkeypatch)
    relay = LineRelay("stdout", tail_lines=2)
    relay.feed(b"x" * 1_000_000 + b"\n" + b"y" * 70_000)
    assert [len(line) for line in relay.tail()] == [1000, 1000]


def test_without_a_tail_nothing_is_kept(monkeypatch):
    listen(monkeypatch)
    relay = LineRelay("stdout")
    relay.feed(b"one\ntwo")
    assert relay.tail() == ()


def test_a_workers_streams_leave_line_by_line():
    code = """
from atonce._workers.process.forward import set_up_streams
set_up_streams()
print("out", end="\\n")
print("half", end="")
print("err", file=sys.stderr)
import os
os.write(1, b"|")
import faulthandler
assert faulthandler.is_enabled()
"""
    ended = child(code)
    assert ended.stdout == b"out\n|half"
    assert ended.stderr == b"err\n"


@pytest.mark.parametrize("spoil", ["sys.stdout = sys.stderr = None", "sys.stdout.close(); sys.stderr.close(); put_back()"])
def test_a_worker_without_streams_gets_some(spoil):
    code = f"""
import os
from atonce._workers.process.forward import set_up_streams
copies = os.dup(1), os.dup(2)
def put_back():
    os.dup2(copies[0], 1)
    os.dup2(copies[1], 2)
{spoil}
set_up_streams()
print("out \u00e9")
print("err \\udcff", file=sys.stderr)
assert sys.__stdout__ is sys.stdout and sys.__stderr__ is sys.stderr
os._exit(0)
"""
    ended = child(code)
    assert ended.stdout == "out é\n".encode()
    assert ended.stderr == b"err \\udcff\n"


def test_a_crash_leaves_its_stack():
    code = """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from atonce._workers.process.forward import set_up_streams
set_up_streams()
if os.fork() == 0:
    def crashes():
        os.kill(os.getpid(), signal.SIGSEGV)
    crashes()
assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGSEGV
"""
    relay = LineRelay("stderr", tail_lines=20)
    with contextlib.redirect_stderr(io.StringIO()):
        relay.feed(child(code).stderr)
    assert relay.tail()[0] == "Fatal Python error: Segmentation fault"
    assert any("in crashes" in line for line in relay.tail())


def test_a_faulthandler_that_is_on_is_left_alone():
    code = """
import faulthandler, os, signal, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from atonce._workers.process.forward import set_up_streams
reader, writer = os.pipe()
faulthandler.enable(writer)
set_up_streams()
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGSEGV)
os.wait()
os.close(writer)
assert b"Segmentation fault" in os.read(reader, 65536)
"""
    assert child(code).stderr == b""


def test_a_worker_imports_next_to_nothing_for_it():
    code = """
before = set(sys.modules)
from atonce._workers.process import forward
print(*sorted(set(sys.modules) - before))
forward.set_up_streams()
forward.adopt_logging(b"never read", print)
heavy = ("typing", "re", "logging", "contextlib", "dataclasses", "enum", "threading", "pickle", "collections.abc")
assert not [name for name in heavy if name in sys.modules], sorted(sys.modules)
"""
    imported = child(code).stdout.decode().split()
    by_os = {"os", "os.path", "posixpath", "genericpath", "stat", "_stat", "_collections_abc", "abc", "_abc", "errno"}
    assert [name for name in imported if not name.startswith("atonce") and name not in by_os] == ["__future__"]


# ---- logging --------------------------------------------------------------------------------------------------------------------


class Keeps(logging.Handler):
    def __init__(self, level=0):
        super().__init__(level)
        self.records = []

    def emit(self, record):
        self.records.append(record)


class Worker:
    """This process, in the part of a worker: what it says is kept until it is the parent again."""

    def __init__(self):
        self.voice = forward.LogVoice()
        self.sent = []

    @contextlib.contextmanager
    def at_work(self):
        call_handlers = logging.Logger.callHandlers
        try:
            yield self.sent
        finally:
            logging.Logger.callHandlers = call_handlers

    def adopt_logging(self, description):
        self.voice.adopt(description, self.sent.append)


@pytest.fixture
def worker():
    return Worker()


@pytest.fixture
def logger(request):
    """Return a logger of its own for each test, which takes no other with it."""
    made = logging.getLogger(f"voices.{request.node.name}")
    keeps = Keeps()
    made.addHandler(keeps)
    made.kept = keeps.records
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()
    made.setLevel(logging.NOTSET)
    made.propagate, made.disabled = True, False


def test_a_record_arrives_in_the_parents_handlers(worker, logger):
    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.info("number %d", 3, extra={"path": "a.txt", "things": [1, 2]})
        logger.debug("below the level")
        assert logger.kept == []
    assert len(sent) == 1
    relay_record(sent[0])
    (record,) = logger.kept
    assert (record.name, record.levelno, record.levelname) == (logger.name, logging.INFO, "INFO")
    assert record.getMessage() == record.msg == "number 3"
    assert (record.args, record.path, record.things) == (None, "a.txt", [1, 2])
    assert (record.funcName, record.process) == ("test_a_record_arrives_in_the_parents_handlers", os.getpid())


def test_a_record_tells_who_made_it(worker, logger):
    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        record = logger.makeRecord(logger.name, logging.INFO, __file__, 7, "there", (), None, extra={"spoken_by": "it"})
        record.process, record.processName, record.threadName = 4711, "worker 3", "its thread"
        logger.handle(record)
    relay_record(sent[0])
    (there,) = logger.kept
    assert (there.process, there.processName, there.threadName, there.lineno) == (4711, "worker 3", "its thread", 7)
    assert there.created == record.created


def test_an_exception_arrives_as_text(worker, logger):
    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        try:
            raise KeyError("lost")
        except KeyError:
            logger.exception("it failed")
    relay_record(sent[0])
    (record,) = logger.kept
    assert record.exc_info is None
    assert "KeyError: 'lost'" in record.exc_text
    assert logging.Formatter("%(message)s").format(record).startswith("it failed\nTraceback (most recent call last)")


class Unloads:
    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("refused")


class NoRepr(Unloads):
    def __reduce__(self):
        raise TypeError("no pickle")

    def __repr__(self):
        raise TypeError("no repr")


class Text(str):
    __slots__ = ()


def test_extras_that_do_not_pickle_arrive_as_words(worker, logger):
    description, lock = describe_logging(), threading.Lock()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.info(Text("text"), extra={"lock": lock, "unloads": Unloads(), "mute": NoRepr(), "text": Text("own")})
    relay_record(sent[0])
    (record,) = logger.kept
    assert record.lock == repr(lock)
    assert record.unloads == "<Unloads that cannot be rebuilt>"
    assert record.mute == "<NoRepr whose repr raises TypeError>"
    assert record.text == "own"
    assert type(record.msg) is str


def test_a_message_that_cannot_be_made_is_told_where_it_was_made(worker, logger, capsys):
    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.info("%d", "no number")
    assert sent == []
    assert "--- Logging error ---" in capsys.readouterr().err


def test_a_logger_that_does_not_propagate_is_heard(worker, logger):
    logger.propagate = False
    description = describe_logging()
    logger.propagate = True
    keeps, logger.handlers = logger.handlers, []  # the worker has not set it up
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        assert logger.propagate is False
        logger.getChild("below").warning("heard")
    logger.handlers = keeps
    relay_record(sent[0])
    assert [record.msg for record in logger.kept] == ["heard"]


def test_a_disabled_logger_and_a_disabled_level_stay_so(worker, logger, monkeypatch):
    other = logging.getLogger(logger.name + ".other")
    logger.disabled = True
    logging.disable(logging.INFO)
    try:
        description = describe_logging()
    finally:
        logger.disabled = False
        logging.disable(logging.NOTSET)
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        try:
            logger.error("disabled")
            other.info("of a disabled level")
            other.warning("heard")
        finally:
            logging.disable(logging.NOTSET)
    assert [marshal.loads(blob)["msg"] for blob in sent] == ["heard"]


def test_handlers_that_both_sides_have_speak_once(worker, logger):
    description = describe_logging()
    here = logger.kept  # what the module's import has set up in the worker too
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.info("once")
        assert here == []
    relay_record(sent[0])
    assert len(here) == 1


def test_handlers_that_only_the_worker_has_speak_there(worker, logger):
    logger.propagate = False
    kept, logger.handlers = logger.handlers, []
    description = describe_logging()
    logger.handlers = kept
    kept[0].setLevel(logging.WARNING)
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.info("below its handler's level")
        logger.warning("there")
        assert [record.msg for record in logger.kept] == ["there"]
    assert sent == []


def test_without_any_handler_the_parent_shows_what_logging_shows(worker, logger, capsys):
    logger.handlers.clear()
    logger.propagate = False
    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.warning("the last resort")
        assert capsys.readouterr().err == ""
    relay_record(sent[0])
    assert capsys.readouterr().err == "the last resort\n"


def test_what_the_parent_takes_back_is_taken_back(worker, logger):
    before = describe_logging()
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    during = describe_logging()
    with worker.at_work():
        worker.adopt_logging(during)
        worker.adopt_logging(during)
        assert (logger.level, logger.propagate) == (logging.DEBUG, False)
        worker.adopt_logging(before)
        assert (logger.level, logger.propagate) == (logging.INFO, True)
        level = logging.root.level
        worker.adopt_logging(None)
        assert logger.level == logging.NOTSET
        logging.root.setLevel(level)


def test_what_the_worker_changes_stays_until_the_parent_changes_something(worker, logger):
    description = describe_logging()
    with worker.at_work():
        worker.adopt_logging(description)
        logger.setLevel(logging.ERROR)
        worker.adopt_logging(description)
        assert logger.level == logging.ERROR


def test_logging_that_was_given_back_is_the_workers(worker, logger):
    description, level = describe_logging(), logging.root.level
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        worker.adopt_logging(None)
        logging.root.setLevel(level)
        logger.warning("here")
    assert sent == []
    assert [record.msg for record in logger.kept] == ["here"]


def test_a_process_that_the_function_forks_handles_its_own(worker, logger, monkeypatch):
    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        monkeypatch.setattr(forward, "getpid", lambda: 1)
        logger.warning("in a child")
    assert sent == []
    assert [record.msg for record in logger.kept] == ["in a child"]


@pytest.mark.parametrize("error", [ValueError("bad filter"), SystemExit(3)], ids=repr)
def test_a_filter_that_raises_harms_nobody(worker, logger, capsys, error):
    def refuse(_record):
        raise error

    description = describe_logging()
    with worker.at_work() as sent:
        worker.adopt_logging(description)
        logger.warning("word")  # logger.filter is the parent's as well: it is added below
    logger.addFilter(refuse)
    relay_record(sent[0])
    logger.removeFilter(refuse)
    assert "in refuse" in capsys.readouterr().err
    relay_record(b"nonsense")
    relay_record(b"")
    relay_record(sent[0])
    assert len(logger.kept) == 1


def test_nobody_has_set_up_logging():
    code = """
from atonce._workers.process.voices import describe_logging
assert describe_logging() is None
import logging
logging.getLogger("a.b")
assert describe_logging() is None
"""
    for setting in ("basicConfig()", "root.setLevel(10)", "getLogger('a').setLevel(10)", "disable(20)", "getLogger().disabled = 1"):
        child(f"{code}\nlogging.{setting}\nassert describe_logging() is not None")


def test_logging_is_adopted_when_it_is_imported():
    code = """
import marshal
from atonce._workers.process import forward
sent = []
description = marshal.dumps((0, {"root": (10, False, True), "deep.er": (40, False, True)}, ["root"]))
forward.adopt_logging(description, sent.append)
forward.adopt_logging(None, sent.append)
forward.adopt_logging(description, sent.append)
assert "logging" not in sys.modules
finders = list(sys.meta_path)
import importlib.util
assert importlib.util.find_spec("logging") is not None
import logging.handlers, inspect
assert len(sys.meta_path) == len(finders) - 1
assert type(logging.__loader__) is type(inspect.__loader__) and logging.__spec__.loader is logging.__loader__
logging.debug("first")
logging.getLogger("deep.er").warning("too low")
logging.getLogger("deep.er").error("second")
assert [marshal.loads(blob)["msg"] for blob in sent] == ["first", "second"], sent
assert logging.root.handlers != []  # logging.debug has set up its own, and it keeps quiet
"""
    ended = child(code)
    assert (ended.stdout, ended.stderr) == (b"", b"")


def test_the_description_is_made_in_no_time(logger):
    assert describe_logging() == describe_logging()
    assert isinstance(describe_logging(), bytes)


# ---- warnings -------------------------------------------------------------------------------------------------------------------
#
# The worker is a plain child here: this process is the parent, and Python keeps only one memory of what a module has shown.

WARNS = "import warnings\ndef warn(*args, **more):\n    warnings.warn(*args, **more)\n"
CHILD = """
import sys, types, warnings
from atonce._workers.process import forward
module = sys.modules["voices_warns"] = types.ModuleType("voices_warns")
exec(compile({warns!r}, "voices_warns.py", "exec"), vars(module))
warn = module.warn
OwnWarning = type("OwnWarning", (UserWarning,), {{"__module__": {home!r}}})
TwoArguments = type(
    "TwoArguments", (UserWarning,), {{"__module__": {home!r}, "__str__": lambda self: ":".join(map(str, self.args))}}
)
class Text(str):
    pass
sent = []
def adopt(description):
    forward.adopt_warnings(description, sent.append)
adopt({description!r})
exec({code!r})
print(sent)
"""


class OwnWarning(UserWarning):
    pass


class TwoArguments(UserWarning):
    def __init__(self, path, line):
        super().__init__(path, line)

    def __str__(self):
        return ":".join(map(str, self.args))


def said(code, description=None):
    """Run code in a worker that has adopted the filters of here; return what it sent."""
    filters = describe_warnings() if description is None else description
    return ast.literal_eval(child(CHILD.format(warns=WARNS, home=__name__, description=filters, code=code)).stdout.decode())


@pytest.fixture
def warns(monkeypatch):
    """The module that warns is loaded here as well."""
    module = types.ModuleType("voices_warns")
    exec(compile(WARNS, "voices_warns.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, "voices_warns", module)
    return module.warn


@contextlib.contextmanager
def shown_with(action):
    """Record what is shown here, under one filter."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter(action)
        yield shown


def test_a_warning_is_shown_by_the_parent(warns):
    with shown_with("default") as shown:
        (blob,) = said("warn('careful', OwnWarning)")
        assert shown == []
        relay_warning(blob)
    (warning,) = shown
    assert (warning.category, str(warning.message)) == (OwnWarning, "careful")
    assert type(warning.message) is OwnWarning
    assert (warning.filename, warning.lineno) == ("voices_warns.py", 3)


def test_pytest_sees_it(warns):
    with pytest.warns(OwnWarning, match="careful"):
        relay_warning(said("warn('careful', OwnWarning)")[0])


def test_it_is_shown_once_whoever_sends_it(warns):
    with shown_with("default") as shown:
        for _ in range(3):
            (blob,) = said("for _ in range(5): warn('careful')")
            relay_warning(blob)
    assert len(shown) == 1


def test_what_the_caller_has_shown_is_not_shown_again(warns):
    with shown_with("default") as shown:
        (blob,) = said("warn('careful')")
        warns("careful")
        assert len(shown) == 1
        relay_warning(blob)
    assert len(shown) == 1


def test_what_a_worker_has_shown_is_not_shown_again_by_the_caller(warns):
    with shown_with("default") as shown:
        relay_warning(said("warn('careful')")[0])
        warns("careful")
    assert len(shown) == 1


def test_always_is_always(warns):
    with shown_with("always") as shown:
        for blob in said("for _ in range(3): warn('careful')"):
            relay_warning(blob)
    assert len(shown) == 3


def test_a_caller_that_listens_anew_hears_it_again(warns):
    descriptions = []
    for _ in range(2):
        with shown_with("default"):
            descriptions.append(describe_warnings())
    sent = said(f"warn('careful'); warn('careful'); adopt({descriptions[1]!r}); warn('careful')", descriptions[0])
    assert len(sent) == 2  # by one worker that stays
    for blob in sent:
        with shown_with("default") as shown:
            relay_warning(blob)
        assert len(shown) == 1


def test_an_error_is_raised_in_the_worker(warns):
    with shown_with("error"):
        assert said("try: warn('careful', OwnWarning)\nexcept OwnWarning as error: sent.append(str(error))") == ["careful"]


def test_what_is_ignored_is_not_sent(warns):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="care", category=OwnWarning, module="voices_w")
        assert said("warn('careful', OwnWarning)") == []


def test_filters_compare_what_they_compare_in_the_parent(warns):
    def heard():
        sent = said("warn('careful', OwnWarning); warn('other words', OwnWarning); warn('careful', UserWarning)")
        return [marshal.loads(blob)[1] for blob in sent]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", message="CARE", category=OwnWarning)
        assert heard() == ["careful"]
        warnings.filterwarnings("always", module="elsewhere")
        assert heard() == ["careful"]
        warnings.filterwarnings("always", module="voices_warns")
        assert heard() == ["careful", "other words", "careful"]


def test_filters_cost_no_import():
    code = """
import marshal
from atonce._workers.process import forward
entries = [("error", ("loud", 2), ("http.client", "Odd"), ("urllib", 0), 0), ("always", None, ("argparse", "Odd"), "__main__", 0),
           ("ignore", None, ("builtins", "UserWarning"), None, 0)]
sent = []
forward.adopt_warnings(marshal.dumps((1, entries)), sent.append)
assert not {"re", "http", "argparse"} & set(sys.modules), sorted(sys.modules)
import warnings
Odd = type("Odd", (UserWarning,), {"__module__": "argparse"})
warnings.warn("ignored")
warnings.warn("heard", type("Sub", (Odd,), {}))
action, text, module, filename, lineno, kinds = marshal.loads(sent.pop())
assert (action, text, module, filename, kinds[1]) == ("", "heard", "__main__", "<string>", ("argparse", "Odd")), kinds
assert not sent
"""
    assert child(code).stderr == b""


def test_filters_that_cannot_be_described_are_left_out():
    with warnings.catch_warnings():
        count = len(warnings.filters)
        odd = [("ignore", None, (UserWarning, ImportWarning), None, 0), ("ignore",), ("ignore", object(), Warning, None, 0)]
        warnings.filters[:0] = odd
        assert len(marshal.loads(describe_warnings())[1]) == count


def test_the_description_is_kept_until_something_changes():
    first = describe_warnings()
    assert describe_warnings() is first
    with warnings.catch_warnings():
        inner = describe_warnings()
        assert inner != first
        warnings.simplefilter("ignore", OwnWarning)
        assert describe_warnings() not in (first, inner)


LISTENS = """
with warnings.catch_warnings():
    warnings.filterwarnings({action!r}, message="care", module="voices_warns")
    warnings.filterwarnings("ignore", message="never said", category=OwnWarning, lineno=99)
    for _ in range(3):
        warn("careful")
"""


@pytest.mark.parametrize(("action", "count"), [("always", 6), ("default", 1), ("once", 1)])
def test_a_function_with_filters_of_its_own_is_obeyed(warns, action, count):
    with shown_with("ignore") as shown:
        sent = [*said(LISTENS.format(action=action)), *said(LISTENS.format(action=action))]  # by two workers
        for blob in sent:
            assert marshal.loads(blob)[0] == action
            relay_warning(blob)
    assert len(shown) == count


def test_a_function_without_any_filters_is_obeyed(warns):
    with shown_with("ignore") as shown:
        (blob,) = said("warnings.resetwarnings(); warn('careful')")
        relay_warning(blob)
    assert marshal.loads(blob)[0] == "default"
    assert len(shown) == 1


def test_a_function_that_records_its_warnings_keeps_them():
    code = """
with warnings.catch_warnings(record=True) as own:
    warnings.simplefilter("always")
    warn("careful")
assert len(own) == 1
"""
    assert said(code) == []


def test_a_record_in_a_context_is_left_to_it():
    """As in Python 3.14, where it does not replace the hook."""
    code = """
here = []
context = types.SimpleNamespace(log=None)
warnings._get_context = lambda: context
warnings._get_filters = lambda: warnings.filters
warn("careful")
context.log = []
del module.__warningregistry__
forward._warned._here = lambda *args: here.append(args)
warn("careful")
assert len(here) == 1
"""
    with shown_with("default"):
        assert len(said(code)) == 1


def test_a_process_that_the_function_forks_shows_its_own():
    code = """
import os
reader, writer = os.pipe()
if os.fork() == 0:
    os.dup2(writer, 2)
    warn("careful")
    assert not sent
    os._exit(0)
assert os.wait()[1] == 0
sent.append(os.read(reader, 1000))
"""
    with shown_with("default"):
        assert said(code) == [b"voices_warns.py:3: UserWarning: careful\n"]


def test_what_is_written_to_a_file_is():
    code = """
import io
file = io.StringIO()
warnings.showwarning("careful", UserWarning, "a.py", 3, file)
assert file.getvalue() == "a.py:3: UserWarning: careful\\n"
"""
    assert said(code) == []


def test_a_category_that_takes_more_than_a_text_arrives(warns):
    with shown_with("always") as shown:
        relay_warning(said("warn(TwoArguments('a.txt', 3))")[0])
    (warning,) = shown
    assert str(warning.message) == "a.txt:3"
    assert issubclass(warning.category, TwoArguments)
    assert warning.category.__name__ == "TwoArguments"


def test_a_category_that_is_not_loaded_here_is_known_by_its_name(warns):
    with shown_with("default") as shown:
        for _ in range(2):
            relay_warning(said("Local = type('Local', (OwnWarning,), {'__module__': 'not.here'}); warn('careful', Local)")[0])
    (warning,) = shown
    assert issubclass(warning.category, OwnWarning)
    assert (warning.category.__module__, warning.category.__name__) == ("not.here", "Local")
    assert "Local: careful" in warnings.formatwarning(warning.message, warning.category, "a.py", 1)


def test_a_module_that_is_not_loaded_here_is_remembered():
    assert "voices_warns" not in sys.modules
    with shown_with("default") as shown:
        for _ in range(2):
            relay_warning(said("warn('careful')")[0])
    assert len(shown) == 1


def test_a_file_can_be_blamed_for_its_content():
    with shown_with("always") as shown:
        relay_warning(said("warnings.warn_explicit('odd', UserWarning, 'settings.py', 12)")[0])
    assert (shown[0].filename, shown[0].lineno) == ("settings.py", 12)


def test_filters_that_became_errors_since_are_no_reason_to_raise(warns):
    with shown_with("default") as shown:
        (blob,) = said("warn('careful')")
        warnings.simplefilter("error")
        relay_warning(blob)
        relay_warning(blob)
    assert len(shown) == 1


@pytest.mark.parametrize("error", [ValueError("bad hook"), RuntimeWarning("bad hook"), SystemExit(3)], ids=repr)
def test_a_hook_that_raises_harms_nobody(warns, capsys, error):
    def refuse(*_args):
        raise error

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        (blob,) = said("warn('careful')")
        warnings.showwarning = refuse
        relay_warning(blob)
    assert "in refuse" in capsys.readouterr().err
    relay_warning(b"")
    assert "Error" in capsys.readouterr().err


def test_even_stderr_may_be_gone(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Refuses(SystemExit()))
    relay_warning(b"")
    relay_record(b"")


def test_a_hook_for_warnings_hears_them(warns):
    """``logging.captureWarnings`` is one."""
    heard = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        (blob,) = said("warn(OwnWarning('careful'))")
        warnings.showwarning = lambda message, *_: heard.append(str(message))
        relay_warning(blob)
    assert heard == ["careful"]


def test_words_of_any_kind_arrive(warns):
    with shown_with("always") as shown:
        for blob in said("for text in (Text('own'), 'é\\udcff\\0', ''): warn(text)"):
            relay_warning(blob)
    assert [str(warning.message) for warning in shown] == ["own", "é\udcff\0", ""]


def test_what_an_initializer_has_filtered_stays_until_the_parent_changes_something():
    with shown_with("always"):
        first = describe_warnings()
        warnings.simplefilter("ignore", OwnWarning)
        second = describe_warnings()
    code = (
        f"warnings.simplefilter('ignore'); adopt({first!r}); warn('one'); adopt({second!r}); warn('two'); warn('three', OwnWarning)"
    )
    assert [marshal.loads(blob)[1] for blob in said(code, first)] == ["two"]


def test_who_adopts_last_is_told():
    code = """
later = []
forward.adopt_warnings({description!r}, later.append)
warn("careful")
assert len(later) == 1
"""
    with shown_with("always"):
        description = describe_warnings()
        assert said(code.format(description=description), description) == []
