"""Large buffers in a file that processes share."""

import errno
import gc
import mmap
import os
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import atonce
from atonce._wire import arena, arena_reader, arena_writer
from atonce._wire.arena import BIG_BYTES, open_arena, reclaim
from atonce._wire.arena_reader import VIEW_BYTES, ArenaReader, Windows
from atonce._wire.arena_writer import ArenaWriter

PAGE = mmap.PAGESIZE
BLOCK = 512  # the unit of st_blocks

linux_only = pytest.mark.skipif(not hasattr(mmap, "MADV_REMOVE"), reason="this system cannot give pages back")


def pattern(size, seed=0):
    """Make bytes that differ by seed, and in which a shifted block shows."""
    some = bytes((position * 7 + seed) % 251 for position in range(997))
    return (some * (size // 997 + 1))[:size]


def views(*contents):
    return [memoryview(content) for content in contents]


def memory(fd):
    return os.fstat(fd).st_blocks * BLOCK


@pytest.fixture(params=[False, True], ids=["memory", "file"])
def fd(request):
    fd = open_arena(forced_file=request.param)
    yield fd
    gc.collect()
    os.close(fd)


@pytest.fixture
def writer(fd):
    writer = ArenaWriter(fd)
    yield writer
    writer.close()


@pytest.fixture
def reader(fd):
    return ArenaReader(fd)


def crossed(writer, reader, *contents):
    slot, spans = writer.put(views(*contents))
    return slot, reader.open(slot, spans)


# ---- The file ----------------------------------------------------------------------------------------------------------------


def test_the_file_is_large_and_costs_nothing(fd):
    assert fd > 2
    assert not os.get_inheritable(fd)
    assert os.fstat(fd).st_size >= (1 << 40) - (64 << 10)
    assert memory(fd) <= 64 << 10  # file systems keep some blocks for themselves


def test_the_temporary_file_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fd = open_arena(forced_file=True)
    assert list(tmp_path.iterdir()) == []
    assert os.fstat(fd).st_nlink == 0
    os.close(fd)


@pytest.mark.parametrize("failure", [OSError(errno.EPERM, "a sandbox"), AttributeError("another system")])
def test_without_shared_memory_it_is_a_temporary_file(monkeypatch, failure):
    def refuse(_name):
        raise failure

    monkeypatch.setattr(os, "memfd_create", refuse)
    fd = open_arena()
    assert ArenaWriter(fd).put(views(pattern(BIG_BYTES))) is not None
    os.close(fd)


def test_it_never_takes_the_place_of_a_standard_stream():
    script = """
import os, sys
os.close(0)
from atonce._wire.arena import open_arena
fds = [open_arena(), open_arena(forced_file=True)]
print(min(fds) > 2, any(map(os.get_inheritable, fds)))
"""
    assert run(script) == "True False\n"


@pytest.mark.parametrize(("limit", "answer"), [(1 << 19, "none"), ((1 << 24) - 1, f"{(1 << 24) - (64 << 10)} True")])
def test_where_files_are_limited_it_is_short_or_there_is_none_and_nothing_is_left_open(limit, answer):
    script = f"""
import os, resource
from atonce._wire.arena import open_arena
from atonce._wire.arena_writer import ArenaWriter
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
before = os.listdir("/proc/self/fd")
for forced in (False, True):
    try:
        fd = open_arena(forced_file=forced)
        print(os.fstat(fd).st_size, ArenaWriter(fd).put([memoryview(bytes(1 << 20))]) is not None)
        os.close(fd)
    except OSError:
        print("none")
    assert os.listdir("/proc/self/fd") == before
"""
    assert run(script) == f"{answer}\n{answer}\n"


def test_where_there_are_no_positioned_writes_there_is_none(monkeypatch):
    monkeypatch.delattr(os, "pwrite")
    with pytest.raises(OSError, match="no positioned"):
        open_arena()


def test_the_file_is_as_long_as_its_file_system_allows(monkeypatch, fd):
    def truncate(fd, size, real=os.ftruncate):
        if size > (1 << 34) - PAGE:
            raise OSError(errno.EFBIG, "too large")
        real(fd, size)

    monkeypatch.setattr(os, "ftruncate", truncate)
    arena._stretch(fd)
    assert os.fstat(fd).st_size == (1 << 34) - (64 << 10)
    assert ArenaWriter(fd).put(views(pattern(BIG_BYTES))) is not None


def test_a_worker_imports_next_to_nothing_for_it():
    script = """
import os, sys, _pickle
before = set(sys.modules)
import atonce._wire.arena_reader, atonce._wire.arena_writer, atonce._wire.outofband
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(atonce.__file__).parents[1])},
    )
    ours = {"atonce", "atonce._wire", *(f"atonce._wire.{name}" for name in ("arena", "arena_reader", "arena_writer", "outofband"))}
    assert set(done.stdout.split()) <= ours | {"__future__", "mmap", "itertools"}


# ---- Crossing ----------------------------------------------------------------------------------------------------------------


def test_buffers_of_all_sizes_cross_in_one_slot(writer, reader):
    sizes = [BIG_BYTES, 0, 1, VIEW_BYTES - 1, VIEW_BYTES, PAGE, 3 * VIEW_BYTES + 5]
    contents = [pattern(size, seed) for seed, size in enumerate(sizes)]
    slot, spans = writer.put(views(*contents))
    assert slot == spans[0][0]
    assert [length for _, length in spans] == sizes
    assert all(offset % PAGE == 0 for offset, _ in spans)
    buffers = reader.open(slot, spans)
    assert [type(buffer) for buffer in buffers] == [memoryview if size >= VIEW_BYTES else bytearray for size in sizes]
    assert [bytes(buffer) for buffer in buffers] == contents
    assert reader.outstanding == 1
    assert reader.live() == [(spans[4][0], spans[6][0] + spans[6][1] - spans[4][0])]


@pytest.mark.parametrize("contents", [(), (b"",), (b"", b"")], ids=["none", "one empty", "two empty"])
def test_nothing_crosses_too(writer, reader, contents):
    slot, buffers = crossed(writer, reader, *contents)
    assert buffers == list(contents)
    assert reader.let_go() == [slot]
    writer.free(slot)
    assert writer.held_bytes == 0


@pytest.mark.parametrize("make", [bytes, bytearray], ids=["readonly", "writable"])
def test_what_arrives_can_be_written_to_and_nobody_else_sees_it(fd, writer, reader, make):
    content = make(pattern(VIEW_BYTES))
    slot, spans = writer.put(views(content))
    mine, other = reader.open(slot, spans)[0], ArenaReader(fd).open(slot, spans)[0]
    mine[:4] = b"mine"
    assert other == content == pattern(VIEW_BYTES)
    assert os.pread(fd, 4, slot) == content[:4]
    assert mine[:4] == b"mine"


def test_a_write_is_private_in_a_child_process_too(fd, writer):
    slot, spans = writer.put(views(pattern(VIEW_BYTES)))
    script = f"""
from atonce._wire.arena_reader import ArenaReader
[view] = ArenaReader({fd}).open({slot}, {spans})
assert bytes(view[:3]) == {pattern(3)!r}
view[:3] = b"xyz"
print(bytes(view[:3]), len(view))
"""
    assert run(script, pass_fds=[fd]) == f"b'xyz' {VIEW_BYTES}\n"
    assert os.pread(fd, 3, slot) == pattern(3)


def test_a_child_that_is_forked_writes_to_pages_of_its_own():
    script = """
import os
from atonce._wire.arena import open_arena
from atonce._wire.arena_reader import ArenaReader
from atonce._wire.arena_writer import ArenaWriter
fd = open_arena()
slot, spans = ArenaWriter(fd).put([memoryview(b"a" * (2 << 20))])
[view] = ArenaReader(fd).open(slot, spans)
view[0] = ord("b")
if os.fork() == 0:
    fine = bytes(view[:2]) == b"ba"
    view[:] = b"c" * len(view)
    os._exit(0 if fine else 1)
_, status = os.wait()
print(status, bytes(view[:2]), os.pread(fd, 2, slot))
"""
    assert run(script) == "0 b'ba' b'aa'\n"


@pytest.mark.parametrize("header_bytes", [0, 1, PAGE, 1 << 20])
def test_the_header_is_left_alone(fd, header_bytes):
    os.pwrite(fd, b"h" * header_bytes, 0)
    writer = ArenaWriter(fd, header_bytes=header_bytes)
    slot, _ = writer.put(views(pattern(BIG_BYTES)))
    writer.free(slot)
    writer.close()
    assert slot >= header_bytes
    assert os.pread(fd, header_bytes, 0) == b"h" * header_bytes


def test_a_span_beyond_the_file_is_an_error_and_the_slot_is_let_go(fd, reader):
    end = os.fstat(fd).st_size
    for length in (BIG_BYTES, 2 * VIEW_BYTES):
        with pytest.raises(EOFError, match="ends before"):
            reader.open(7 << 16, [(end - PAGE, length)])
        assert reader.let_go() == [7 << 16]


# ---- The life of a slot ------------------------------------------------------------------------------------------------------


def test_a_slot_is_written_again_only_when_its_last_view_is_dead(writer, reader):
    slot, [first, second] = crossed(writer, reader, pattern(VIEW_BYTES, 1), pattern(VIEW_BYTES, 2))
    slice_of_second = second[5:]
    del second
    assert reader.let_go() == []
    del first
    assert reader.let_go() == []
    other, _ = writer.put(views(pattern(2 * VIEW_BYTES, 3)))
    assert other != slot
    assert slice_of_second == pattern(VIEW_BYTES, 2)[5:]
    del slice_of_second
    assert reader.let_go() == [slot]
    assert reader.let_go() == []
    assert (reader.outstanding, reader.live()) == (0, [])
    writer.free(slot)
    assert writer.put(views(pattern(2 * VIEW_BYTES, 4)))[0] == slot


def test_what_was_copied_out_is_let_go_at_once(writer, reader):
    slot, [buffer] = crossed(writer, reader, pattern(BIG_BYTES))
    assert reader.let_go() == [slot]
    assert reader.outstanding == 0
    assert buffer == pattern(BIG_BYTES)


def test_the_newest_freed_slot_comes_back_first(writer):
    slots = [writer.put(views(pattern(BIG_BYTES)))[0] for _ in range(3)]
    assert len(set(slots)) == 3
    for slot in slots:
        writer.free(slot)
    assert [writer.put(views(pattern(BIG_BYTES)))[0] for _ in range(3)] == slots[::-1]


@linux_only
def test_a_recycled_slot_has_its_pages_still(fd, writer):
    slot, _ = writer.put(views(pattern(4 * VIEW_BYTES)))
    held = memory(fd)
    writer.free(slot)
    assert (memory(fd), writer.held_bytes, writer.in_use) == (held, 4 * VIEW_BYTES, 0)
    writer.put(views(pattern(4 * VIEW_BYTES - PAGE)))
    assert (memory(fd), writer.held_bytes, writer.in_use) == (held, 4 * VIEW_BYTES, 1)


def test_sizes_that_differ_a_little_share_a_slot(writer):
    for size in range(1793 << 10, (2048 << 10) + 1, 51 << 10):
        slot, _ = writer.put(views(bytes(size)))
        writer.free(slot)
        assert slot == 0


@pytest.mark.parametrize("need", [0, 1, 1 << 16, (1 << 16) + 1, 5 << 16, (1 << 20) + 1, 7 << 20, (1 << 30) + 1, (1 << 40) - 1])
def test_a_room_is_at_most_a_quarter_too_large(need):
    room = arena_writer._room(need)
    assert room % (64 << 10) == 0
    assert need <= room
    assert room - need <= max(64 << 10, room / 4)
    assert arena_writer._room(room) == room


def test_a_free_of_what_is_not_in_use_is_refused(writer):
    slot, _ = writer.put(views(pattern(BIG_BYTES)))
    writer.free(slot)
    for wrong in (slot, slot + 1, -1):
        with pytest.raises(ValueError, match="not in use"):
            writer.free(wrong)


def test_after_close_nothing_is_put_and_late_frees_are_ignored(fd, writer, reader):
    slot, [view] = crossed(writer, reader, pattern(VIEW_BYTES))
    writer.close()
    assert writer.put(views(pattern(BIG_BYTES))) is None
    writer.free(slot)
    reader.close()
    assert view == pattern(VIEW_BYTES)
    with pytest.raises(OSError):
        reader.open(slot, [(slot, VIEW_BYTES)])
    del view
    assert reader.let_go() == [slot, slot]


def test_views_outlive_the_descriptor_and_the_reader():
    fd = open_arena()
    slot, spans = ArenaWriter(fd).put(views(pattern(VIEW_BYTES)))
    [view] = ArenaReader(fd).open(slot, spans)
    os.close(fd)
    gc.collect()
    assert view == pattern(VIEW_BYTES)


def test_a_view_that_dies_in_another_thread_is_told_of(writer, reader):
    slot, buffers = crossed(writer, reader, pattern(VIEW_BYTES))
    thread = threading.Thread(target=buffers.clear)
    thread.start()
    thread.join()
    assert reader.let_go() == [slot]


class Cycle:
    """Reads its view when the garbage collector has found it, and may come back to life."""

    def __init__(self, view, reader, seen, revived=None):
        self.view, self.reader, self.seen, self.revived, self.itself = view, reader, seen, revived, self

    def __del__(self):
        self.seen.append((self.reader.let_go(), bytes(self.view[:3])))
        if self.revived is not None:
            self.revived.append(self)


def test_a_view_in_a_cycle_holds_its_slot_until_every_finalizer_has_run(writer, reader):
    seen = []
    slot, [view] = crossed(writer, reader, pattern(VIEW_BYTES))
    Cycle(view, reader, seen)
    del view
    gc.collect()
    assert seen == [([], pattern(3))]
    assert reader.let_go() == [slot]


def test_a_view_that_a_finalizer_revives_holds_its_slot_on(writer, reader):
    seen, revived = [], []
    slot, [view] = crossed(writer, reader, pattern(VIEW_BYTES))
    Cycle(view, reader, seen, revived)
    del view
    gc.collect()
    assert len(revived) == 1
    assert reader.let_go() == []
    assert revived[0].view == pattern(VIEW_BYTES)
    revived[0].view = None
    assert reader.let_go() == [slot]


def test_views_that_live_until_the_interpreter_ends_end_without_a_word():
    script = """
import os, sys
from atonce._wire.arena import open_arena
from atonce._wire.arena_reader import ArenaReader
from atonce._wire.arena_writer import ArenaWriter
fd = open_arena()
reader, writer = ArenaReader(fd), ArenaWriter(fd)
[first] = kept = reader.open(*writer.put([memoryview(bytes(1 << 20))]))
sys.kept = reader.open(*writer.put([memoryview(bytes(1 << 20))]))
sys.kept.append(sys)
kept.append(kept)
print("done")
"""
    assert run(script) == "done\n"


# ---- Limits ------------------------------------------------------------------------------------------------------------------


def test_the_limit_of_windows_is_one_for_all_readers_of_a_process(fd, writer):
    windows = Windows(2)
    readers = [ArenaReader(fd, windows) for _ in range(3)]
    parcels = [writer.put(views(pattern(VIEW_BYTES, seed))) for seed in range(3)]
    buffers = [reader.open(*parcel) for reader, parcel in zip(readers, parcels, strict=True)]
    assert [type(buffer) for [buffer] in buffers] == [memoryview, memoryview, bytearray]
    readers[0].close()  # its worker is dead: what is looked at counts still
    assert windows.full
    buffers.clear()
    assert not windows.full


def test_beyond_the_limit_of_windows_buffers_are_copied(fd, writer):
    reader = ArenaReader(fd, Windows(2))
    parcels = [crossed(writer, reader, pattern(VIEW_BYTES, seed)) for seed in range(4)]
    assert [type(buffers[0]) for _, buffers in parcels] == [memoryview, memoryview, bytearray, bytearray]
    assert [bytes(buffers[0]) for _, buffers in parcels] == [pattern(VIEW_BYTES, seed) for seed in range(4)]
    assert reader.outstanding == 2
    assert reader.let_go() == [parcels[2][0], parcels[3][0]]
    parcels[0][1].clear()
    assert reader.let_go() == [parcels[0][0]]
    assert type(crossed(writer, reader, pattern(VIEW_BYTES))[1][0]) is memoryview


def test_windows_leave_the_user_most_of_the_descriptors(monkeypatch, fd):
    monkeypatch.setattr(arena_reader, "_UNTRACKED", {})
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert Windows()._most == min(1_000, soft // 4)
    monkeypatch.setattr(os, "sysconf", lambda _name: -1)
    assert Windows()._most == 1_000
    monkeypatch.setattr(arena_reader, "_UNTRACKED", {"trackfd": False})
    assert Windows()._most == 1_000


def test_without_descriptors_for_a_mapping_buffers_are_copied():
    script = """
import os, resource
from atonce._wire.arena import open_arena
from atonce._wire.arena_reader import ArenaReader
from atonce._wire.arena_writer import ArenaWriter
fd = open_arena()
reader, writer = ArenaReader(fd), ArenaWriter(fd)
resource.setrlimit(resource.RLIMIT_NOFILE, (fd + 3, fd + 3))
parcels = [writer.put([memoryview(b"x" * (2 << 20))]) for _ in range(5)]
buffers = [reader.open(*parcel) for parcel in parcels]
print(all(buffer == b"x" * (2 << 20) for [buffer] in buffers), reader.outstanding + len(reader.let_go()))
buffers.clear()
print(reader.outstanding, len(reader.let_go()) > 0)
"""
    assert run(script).startswith("True 5\n0 ")


def test_when_a_mapping_fails_buffers_are_copied(monkeypatch, writer, reader):
    slot, spans = writer.put(views(pattern(VIEW_BYTES), pattern(BIG_BYTES)))
    for failure in (OSError(errno.ENOMEM, "full"), MemoryError()):
        monkeypatch.setattr(arena_reader, "_Window", failing(failure))
        buffers = reader.open(slot, spans)
        assert [type(buffer) for buffer in buffers] == [bytearray, bytearray]
        assert buffers == [pattern(VIEW_BYTES), pattern(BIG_BYTES)]
        assert reader.let_go() == [slot]


def test_windows_leave_no_mapping_and_no_descriptor(writer, reader):
    def mapped():
        return sum("(deleted)" in line for line in Path("/proc/self/maps").read_text().splitlines())

    if not Path("/proc/self/maps").exists():
        pytest.skip("no /proc")
    maps, fds = mapped(), len(list(Path("/proc/self/fd").iterdir()))
    for seed in range(20):
        _, [view] = crossed(writer, reader, pattern(VIEW_BYTES, seed))
        del view
        writer.free(*reader.let_go())
    assert writer.held_bytes == VIEW_BYTES
    writer.close()
    assert (mapped(), len(list(Path("/proc/self/fd").iterdir()))) == (maps, fds)


# ---- Mapped slots ------------------------------------------------------------------------------------------------------------


def test_what_is_written_again_and_again_is_mapped_and_still_private_to_its_reader(fd, writer, reader):
    for seed in range(6):
        contents = [pattern(VIEW_BYTES, seed), pattern(3 * VIEW_BYTES - seed * PAGE - seed, seed + 1)]
        slot, spans = writer.put(views(*contents))
        arrived = reader.open(slot, spans)
        assert arrived == contents
        arrived[0][:4] = b"mine"
        assert os.pread(fd, 4, slot) == contents[0][:4]
        assert (writer._used[slot].pages is not None) == (seed > 0 and arena.is_memory(fd))
        del arrived
        writer.free(*reader.let_go())


def test_only_memory_is_mapped():
    for forced in (False, True):
        fd = open_arena(forced_file=forced)
        assert arena.is_memory(fd) == (not forced and hasattr(os, "memfd_create"))
        os.close(fd)


def test_a_mapped_slot_grows_by_writing(writer):
    for _ in range(3):
        slot, _ = writer.put(views(pattern(VIEW_BYTES)))
        writer.free(slot)
    slot, spans = writer.put(views(pattern(VIEW_BYTES), b"more"))  # another size, another slot
    writer.free(slot)
    slot, spans = writer.put(views(pattern(VIEW_BYTES - PAGE)))
    writer.free(slot)
    slot, spans = writer.put(views(pattern(VIEW_BYTES - PAGE), pattern(PAGE - 5, 3)))
    [(first, length), (second, rest)] = spans
    assert os.pread(writer._fd, length, first) == pattern(VIEW_BYTES - PAGE)
    assert os.pread(writer._fd, rest, second) == pattern(PAGE - 5, 3)


@linux_only
def test_memory_that_is_given_back_is_not_mapped_any_more(fd, writer):
    before = memory(fd)
    for _ in range(3):
        slot, _ = writer.put(views(pattern(VIEW_BYTES)))
        writer.free(slot)
    writer.trim()
    assert memory(fd) <= before + (64 << 10)
    assert writer._mapped == 0
    assert writer.put(views(pattern(VIEW_BYTES)))[0] == slot
    assert os.pread(fd, VIEW_BYTES, slot) == pattern(VIEW_BYTES)


def test_not_more_are_mapped_than_may_be(monkeypatch, writer):
    monkeypatch.setattr(arena_writer, "_MOST_MAPPED", 2)
    for _ in range(3):
        slots = [writer.put(views(pattern(VIEW_BYTES, seed)))[0] for seed in range(4)]
        assert sum(writer._used[slot].pages is not None for slot in slots) <= 2
        for slot in slots:
            writer.free(slot)


# ---- No room -----------------------------------------------------------------------------------------------------------------


def failing(failure):
    def fail(*_, **__):
        raise failure

    return fail


def full_after(monkeypatch, bytes_left, failure):
    """Let so many bytes be written yet, the last call only in part."""
    left = [bytes_left]

    def pwrite(fd, view, offset, real=os.pwrite):
        if left[0] <= 0:
            raise failure
        count = real(fd, view[: min(left[0], len(view))], offset)
        left[0] -= count
        return count

    monkeypatch.setattr(os, "pwrite", pwrite)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.ENOMEM, errno.EFBIG, errno.EDQUOT, errno.EIO])
def test_a_file_that_is_full_midway_answers_none_and_holds_nothing(monkeypatch, fd, writer, code):
    before = memory(fd)
    with monkeypatch.context() as patch:
        full_after(patch, VIEW_BYTES + 12_345, OSError(code, os.strerror(code)))
        assert writer.put(views(pattern(VIEW_BYTES), pattern(VIEW_BYTES))) is None
    assert (writer.in_use, writer.held_bytes) == (0, 0)
    assert memory(fd) <= before + (64 << 10)
    slot, _ = writer.put(views(pattern(VIEW_BYTES), pattern(VIEW_BYTES)))
    assert slot == 0


def test_a_write_of_nothing_is_no_room(monkeypatch, writer):
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    assert writer.put(views(pattern(BIG_BYTES))) is None


@linux_only
def test_warm_slots_are_given_up_before_a_message_is_refused(monkeypatch, writer):
    kept, _ = writer.put(views(pattern(VIEW_BYTES)))
    slot, _ = writer.put(views(pattern(4 * VIEW_BYTES)))
    writer.free(slot)

    def pwrite(fd, view, offset, real=os.pwrite):
        if writer.held_bytes > VIEW_BYTES:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, view, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert writer.put(views(pattern(BIG_BYTES))) is not None
    assert writer.in_use == 2
    writer.free(kept)


def test_an_interrupted_put_frees_its_slot(monkeypatch, fd, writer):
    before = memory(fd)
    with monkeypatch.context() as patch:
        full_after(patch, VIEW_BYTES, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            writer.put(views(pattern(VIEW_BYTES), pattern(VIEW_BYTES)))
    assert (writer.in_use, writer.held_bytes) == (0, 0)
    assert memory(fd) <= before + (64 << 10)
    assert writer.put(views(pattern(VIEW_BYTES), pattern(VIEW_BYTES)))[0] == 0


def test_the_limit_on_file_sizes_is_an_answer_and_no_signal():
    script = """
import os, resource, signal
from atonce._wire.arena import open_arena
from atonce._wire.arena_writer import ArenaWriter
fd = open_arena()
writer = ArenaWriter(fd)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
print(signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN, writer.put([memoryview(bytes(2 << 20))]), writer.held_bytes)
print(os.fstat(fd).st_blocks, ArenaWriter(fd).put([memoryview(bytes(1 << 20))]))
"""
    assert run(script) == "True None 0\n0 (0, [(0, 1048576)])\n"


def test_an_arena_that_is_full_answers_none(fd):
    os.ftruncate(fd, 256 << 10)
    writer = ArenaWriter(fd)
    slots = [writer.put(views(pattern(BIG_BYTES)))[0] for _ in range(4)]
    assert slots == [(number * 64) << 10 for number in range(4)]
    assert writer.put(views(pattern(1))) is None
    writer.free(slots[1])
    assert writer.put(views(pattern(1)))[0] == slots[1]


def test_a_full_memory_is_an_answer_and_no_signal(tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small file system needs the right to mount one")
    script = f"""
import ctypes, os, tempfile
from atonce._wire.arena import open_arena
from atonce._wire.arena_reader import ArenaReader
from atonce._wire.arena_writer import ArenaWriter
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x00020000) or libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) or \\
        libc.mount(b"small", {str(tmp_path)!r}.encode(), b"tmpfs", 0, b"size=1m"):
    print("no")
    raise SystemExit
tempfile.tempdir = {str(tmp_path)!r}
fd = open_arena(forced_file=True)
writer = ArenaWriter(fd)
print(writer.put([memoryview(bytes(3 << 20))]), os.fstat(fd).st_blocks)
slot, spans = writer.put([memoryview(b"y" * (1 << 19))])
print(bytes(ArenaReader(fd).open(slot, spans)[0]) == b"y" * (1 << 19))
"""
    output = run(script)
    if output == "no\n":
        pytest.skip("this system does not let us mount")
    assert output == "None 0\nTrue\n"


# ---- Giving memory back ------------------------------------------------------------------------------------------------------


@linux_only
def test_trim_gives_the_longest_unused_back_and_keeps_so_much(fd, writer):
    slots = [writer.put(views(pattern(VIEW_BYTES)))[0] for _ in range(4)]
    for slot in slots[:3]:
        writer.free(slot)
    writer.trim(VIEW_BYTES)
    assert writer.held_bytes == 2 * VIEW_BYTES
    assert memory(fd) <= 2 * VIEW_BYTES + (64 << 10)
    assert os.pread(fd, 3, slots[0]) == bytes(3)
    assert os.pread(fd, 3, slots[2]) == os.pread(fd, 3, slots[3]) == pattern(3)
    writer.trim()
    assert writer.held_bytes == VIEW_BYTES
    assert [writer.put(views(pattern(VIEW_BYTES)))[0] for _ in range(3)] == slots[2::-1]


@linux_only
def test_no_more_is_kept_warm_than_was_in_use_at_one_time(writer):
    for size in range(VIEW_BYTES, 9 * VIEW_BYTES, VIEW_BYTES // 2):
        slot, _ = writer.put(views(bytes(size)))
        writer.free(slot)
        assert writer.held_bytes <= size
    writer.trim()
    assert writer.held_bytes == 0


@linux_only
def test_after_a_trim_what_was_in_use_before_counts_no_more(writer):
    large, _ = writer.put(views(bytes(8 * VIEW_BYTES)))
    writer.free(large)
    writer.trim()
    small = [writer.put(views(bytes(size << 20)))[0] for size in (1, 2)]
    writer.free(small[0])
    writer.free(small[1])
    slot, _ = writer.put(views(bytes(3 << 20)))
    writer.free(slot)
    assert writer.held_bytes == 3 << 20


def test_where_pages_cannot_be_given_back_they_are_kept(monkeypatch, writer):
    monkeypatch.delattr(mmap, "MADV_REMOVE", raising=False)
    slot, _ = writer.put(views(pattern(VIEW_BYTES)))
    writer.free(slot)
    writer.trim()
    assert writer.held_bytes == VIEW_BYTES
    full_after(monkeypatch, VIEW_BYTES // 2, OSError(errno.ENOSPC, "full"))
    assert writer.put(views(pattern(VIEW_BYTES))) is None
    assert (writer.in_use, writer.held_bytes) == (0, VIEW_BYTES)


@linux_only
def test_a_dead_writers_memory_comes_back_but_for_what_is_read(fd, reader):
    dead = ArenaWriter(fd, header_bytes=4)
    os.pwrite(fd, b"mark", 0)
    parcels = [dead.put(views(pattern(VIEW_BYTES, seed))) for seed in range(5)]
    kept = reader.open(*parcels[2])
    reclaim(fd, reader.live())
    assert os.pread(fd, 4, 0) == bytes(4)
    assert [os.pread(fd, 3, slot) for slot, _ in parcels] == [pattern(3, 2) if seed == 2 else bytes(3) for seed in range(5)]
    assert kept == [pattern(VIEW_BYTES, 2)]
    assert memory(fd) <= VIEW_BYTES + (64 << 10)
    kept.clear()
    assert reader.let_go() == [parcels[2][0]]
    assert reader.live() == []


def test_an_arena_that_nobody_has_used_is_reclaimed_without_a_word(fd):
    reclaim(fd)
    assert memory(fd) <= 64 << 10


# ---- Everything at once ------------------------------------------------------------------------------------------------------


class Exchange(RuleBasedStateMachine):
    """A writer and a reader; whatever they do, what is in somebody's hand keeps its content, and slots in use do not overlap."""

    @initialize(forced_file=st.booleans(), windows=st.integers(0, 4))
    def begin(self, forced_file, windows):
        self.fd = open_arena(forced_file=forced_file)
        self.writer, self.reader = ArenaWriter(self.fd, header_bytes=5), ArenaReader(self.fd, Windows(windows))
        self.sent = []  # (slot, spans, contents), announced and not opened
        self.held = []  # (slot, buffers, contents)
        self.seed = 0

    @rule(
        sizes=st.lists(st.sampled_from([0, 1, PAGE - 1, PAGE, BIG_BYTES, VIEW_BYTES - 1, VIEW_BYTES, VIEW_BYTES + 1]), max_size=3)
    )
    def put(self, sizes):
        self.seed += 1
        contents = [pattern(size, self.seed) for size in sizes]
        slot, spans = self.writer.put(views(*contents))
        self.sent.append((slot, spans, contents))

    @rule()
    def fail_to_put(self):
        with pytest.MonkeyPatch.context() as patch:
            full_after(patch, VIEW_BYTES // 2, OSError(errno.ENOSPC, "full"))
            assert self.writer.put(views(pattern(VIEW_BYTES))) is None

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def open(self, data):
        slot, spans, contents = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
        self.held.append((slot, self.reader.open(slot, spans), contents))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def drop(self, data):
        self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))

    @rule()
    def hand_back(self):
        for slot in self.reader.let_go():
            self.writer.free(slot)

    @rule(keep_bytes=st.sampled_from([0, VIEW_BYTES, 1 << 30]))
    def trim(self, keep_bytes):
        self.writer.trim(keep_bytes)

    @invariant()
    def contents_survive(self):
        assert all(
            bytes(buffer) == content
            for _, buffers, contents in self.held
            for buffer, content in zip(buffers, contents, strict=True)
        )
        for _, spans, contents in self.sent:
            assert [os.pread(self.fd, length, offset) for offset, length in spans] == contents

    @invariant()
    def slots_in_use_do_not_overlap(self):
        used = sorted((slot.offset, slot.offset + slot.room) for slot in self.writer._used.values())
        assert all(end <= start for (_, end), (start, _) in pairwise(used))
        assert {slot for slot, *_ in self.sent} <= set(self.writer._used)
        viewed = {slot for slot, buffers, _ in self.held if any(type(buffer) is memoryview for buffer in buffers)}
        assert viewed <= set(self.writer._used)
        assert len(viewed) == self.reader.outstanding

    @invariant()
    @precondition(lambda _: hasattr(mmap, "MADV_REMOVE"))
    def the_books_are_true(self):
        warm = [slot.warm_bytes for slots in self.writer._free.values() for slot in slots]
        warm += [slot.warm_bytes for slot in self.writer._used.values()]
        assert self.writer.held_bytes == sum(warm)
        assert memory(self.fd) <= self.writer.held_bytes + (128 << 10)

    def teardown(self):
        self.held.clear()
        with suppress(AttributeError):  # it has not begun
            self.writer.close()  # lets go of what it has mapped; the machine itself may wait for the garbage collector
            os.close(self.fd)


Exchange.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestExchange = Exchange.TestCase


def run(script, pass_fds=()):
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False, close_fds=True, pass_fds=pass_fds
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
