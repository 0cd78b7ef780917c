"""Pickles without their large buffers, which travel through an arena instead.

Protocol 5 of pickle leaves out the buffers of objects that offer them: NumPy and Arrow arrays, pandas frames. It does not leave out
``bytes`` and ``bytearray``, which it writes into the stream whatever a pickler overrides, and it refuses a ``memoryview``.

So these are taken out of the stream as it is written. A pickler that writes to a file puts everything into frames of 64 KiB, but
``bytes`` larger than a frame it hands to the file's ``write`` as they are, uncopied, after a piece that ends with the opcode and
the length. These are replaced by "call ``bytes`` with the next buffer":

```
 what the pickler writes:  ... 'B' <length>   payload        ...
 what is sent:             ... 'c' builtins.bytes 0x97 0x85 'R'  ...      and the payload as one of the buffers
```

Any ``pickle.loads(blob, buffers=...)`` reads that. Nothing else about the pickle changes: identities, recursion, and objects at any
depth are as with plain pickle. ``_pickle.dumps`` of 8 MiB of bytes takes 3.1 ms, this 1.4 µs; but a
pickler of our own costs 0.9 µs more than ``dumps`` (measured: two cores, CPython 3.11). Hence it is used where large bytes are seen
at a glance, or have been found in the pickle.

Source: the framing of protocol 4, PEP 3154; ``_Pickler_write_bytes`` in CPython's Modules/_pickle.c, 3.11 to 3.14.
"""

from __future__ import annotations

import _pickle
from copyreg import dispatch_table
from functools import partial
from itertools import islice

from atonce._wire.arena import BIG_BYTES

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which a worker would have to import

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ("dumps_with_buffers", "stream_with_buffers")

_PROTOCOL = 5
_FRAME_BYTES = 64 << 10  # from here on pickle writes bytes outside of its frames
_FRAME = b"\x95"
_FRAME_HEAD_BYTES = 9
_PROTO_BYTES = 2  # what every pickle begins with
_GLANCE = 4  # so many elements of a container are looked at, and so many of each of these: a batch holds things of one kind
_LOOKED_INTO = frozenset((bytes, bytearray, memoryview, tuple, list, dict))

# Opcode of an object of bytes outside of a frame: the bytes of its length, and what replaces both.
_TAKEN_OUT = {
    b"B": (4, b"cbuiltins\nbytes\n\x97\x85R"),  # BINBYTES
    b"\x8e": (8, b"cbuiltins\nbytes\n\x97\x85R"),  # BINBYTES8, from 4 GiB
    b"\x96": (8, b"cbuiltins\nbytearray\n\x97\x85R"),  # BYTEARRAY8
}


def dumps_with_buffers(
    dump: Callable[..., bytes], thing: Any, big_bytes: int = BIG_BYTES, *, pickler: type[_pickle.Pickler] = _pickle.Pickler
) -> tuple[bytes, list[memoryview]]:
    """Pickle a thing, and leave out its large buffers.

    Args:
        dump: is called with the thing and ``buffer_callback=``, and pickles with protocol 5.
        thing: anything.
        big_bytes: buffers at least this big are left out. ``bytes`` and ``bytearray`` of less than 64 KiB never are.
        pickler: the class that ``dump`` uses, ``_pickle.Pickler`` or a subclass (cloudpickle's). What it cannot pickle ``dump``
            pickles, with ``bytes`` inside.

    Returns:
        The pickle, and flat views of bytes for ``pickle.loads(..., buffers=...)``. The views hold the objects that they show: until
        they are released, a ``bytearray`` cannot be resized, and nobody should write to what they show.

    Raises:
        Exception: whatever ``dump``, and the thing's own methods, raise.
    """
    if _glance(thing, big_bytes):
        try:
            return stream_with_buffers(thing, big_bytes, pickler=pickler)
        except Exception:  # noqa: S110 (``dump`` may know more than the pickler, and has its own words otherwise)
            pass
    buffers: list[memoryview] = []
    try:
        blob = dump(thing, buffer_callback=partial(_sort, buffers, big_bytes))
    except TypeError as error:
        if "memoryview" not in str(error):  # "cannot pickle 'memoryview' object": deeper than a glance goes
            raise
        return stream_with_buffers(thing, big_bytes, pickler=pickler)
    least = max(big_bytes, _FRAME_BYTES)
    if len(blob) >= least and len(blob) - _after_frames(blob, _PROTO_BYTES) >= least:
        try:
            return stream_with_buffers(thing, big_bytes, pickler=pickler)
        except Exception:  # noqa: S110 (as above; and there is a pickle already)
            pass
    return blob, buffers


def stream_with_buffers(
    thing: Any, big_bytes: int = BIG_BYTES, *, pickler: type[_pickle.Pickler] = _pickle.Pickler
) -> tuple[bytes, list[memoryview]]:
    """Pickle as ``dumps_with_buffers``, without trying first: for what probably has large ``bytes``, or a ``memoryview``, in it.

    Args:
        thing: anything.
        big_bytes: as there.
        pickler: as there.

    Returns:
        As there.

    Raises:
        Exception: whatever the thing's own methods raise.
        PicklingError: a ``memoryview`` has a format, or a shape, that cannot be rebuilt.
    """
    stream = _Stream(big_bytes)
    writer = pickler(stream, _PROTOCOL, buffer_callback=partial(_sort, stream.buffers, big_bytes))
    writer.dispatch_table = {**getattr(writer, "dispatch_table", dispatch_table), memoryview: _reduce_memoryview}
    writer.dump(thing)
    return b"".join(stream.pieces), stream.buffers


def _sort(buffers: list[memoryview], big_bytes: int, buffer: Any) -> bool:
    """Collect a large buffer; keep any other in the pickle, by returning true."""
    try:
        raw = buffer.raw()
    except BufferError:  # not contiguous: the pickler has its own words for that
        return True
    if raw.nbytes < big_bytes:
        return True
    buffers.append(raw)
    return False


class _Stream:
    """The file that a pickler writes to: joins the pieces, and takes out large payloads.

    A piece is a whole number of frames, and perhaps something behind them. What is behind them is never complete before the end of
    the pickle: it is the opcode and length of a payload, which is then the next piece.
    """

    __slots__ = ("_big_bytes", "_payload_is_next", "buffers", "pieces")

    def __init__(self, big_bytes: int) -> None:
        self._big_bytes = big_bytes
        self._payload_is_next = False
        self.pieces: list[Any] = []
        self.buffers: list[memoryview] = []

    def write(self, piece: Any) -> None:
        """Take the next piece: ``bytes``, or whatever object the payload is."""
        if self._payload_is_next:
            self._payload_is_next = False
            if not self._take_out(memoryview(piece)):
                self.pieces.append(piece)
            return
        self._payload_is_next = _after_frames(piece, 0 if self.pieces else _PROTO_BYTES) < len(piece)
        self.pieces.append(piece)

    def _take_out(self, payload: memoryview) -> bool:
        head = self.pieces[-1]
        for opcode, (width, instead) in _TAKEN_OUT.items():
            if payload.nbytes >= self._big_bytes and head.endswith(opcode + payload.nbytes.to_bytes(8, "little")[:width]):
                self.pieces[-1] = head[: -1 - width] + instead
                self.buffers.append(payload)
                return True
        return False  # a string, or too small


def _after_frames(blob: bytes, position: int) -> int:
    while blob[position : position + 1] == _FRAME:
        position += _FRAME_HEAD_BYTES + int.from_bytes(blob[position + 1 : position + _FRAME_HEAD_BYTES], "little")
    return position


def _glance(thing: Any, big_bytes: int, levels: int = 2) -> bool:
    """Look for large bytes where they mostly are: the thing itself, its first elements, and theirs."""
    kind = type(thing)
    if kind not in _LOOKED_INTO:
        return False
    if kind is bytes or kind is bytearray:
        return len(thing) >= big_bytes
    if kind is memoryview:
        return True
    if not levels:
        return False
    few = thing[:_GLANCE] if kind is not dict else list(islice(thing.values(), _GLANCE))
    for element in few:  # noqa: SIM110 (any() takes twice the time)
        if type(element) in _LOOKED_INTO and _glance(element, big_bytes, levels - 1):
            return True
    return False


def _reduce_memoryview(view: memoryview) -> tuple[Any, ...]:
    shape = None if view.ndim == 1 else view.shape
    code = view.format.removeprefix("@")
    flat = _flat(view)
    try:
        _rebuild_memoryview(flat, code, shape)
    except (TypeError, ValueError) as error:
        what = f"a memoryview of format {view.format!r} and shape {view.shape}"
        raise _pickle.PicklingError(f"{what} cannot be rebuilt in another process: {error}") from None
    return _rebuild_memoryview, (_pickle.PickleBuffer(flat), code, shape)


def _flat(view: memoryview) -> memoryview:
    """Show the same bytes in one dimension, in C order: without a copy if they lie so."""
    if view.c_contiguous and view.nbytes:  # a view of nothing cannot be cast
        return view.cast("B")
    copy = view.tobytes()
    return memoryview(copy if view.readonly else bytearray(copy))


def _rebuild_memoryview(buffer: Any, code: Any, shape: tuple[int, ...] | None) -> memoryview:
    view: Any = memoryview(buffer)
    if shape is not None:
        view = view.cast(code, shape)
    elif code != "B":
        view = view.cast(code)
    return view  # type: ignore[no-any-return]
