"""An exception's way to another process: itself, and its traceback as text."""

from __future__ import annotations

from atonce._wire.pickling import dumps, loads
from atonce.errors import RemoteError

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 9 ms to import

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ("Packed", "RemoteTraceback", "pack", "unpack")

# The pickled exception, or None where it does not pickle and rebuild; its type's name, its text, and its formatted traceback.
Packed: TypeAlias = tuple[bytes | None, str, str, str]


_set_cause = BaseException.__dict__["__cause__"].__set__


class RemoteTraceback(Exception):
    """The traceback of another process, as the cause of the exception that it belongs to."""

    def __str__(self) -> str:
        text = self.args[0] if self.args else ""
        return f'\n"""\n{text}"""'


def pack(error: BaseException) -> Packed:
    """Make an exception ready to be sent. Never raises: what cannot be sent is described."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    text = _text_of(error)
    try:
        import traceback  # noqa: PLC0415 (3 ms, when something has been raised)

        story = "".join(traceback.format_exception(error))
    except Exception:
        story = f"{kind}: {text}\n"
    try:
        blob: bytes | None
        blob = dumps(error)
        rebuilt = loads(blob)
        if type(rebuilt).__qualname__ != type(error).__qualname__ or _without_addresses(_text_of(rebuilt)) != _without_addresses(
            text
        ):
            blob = None  # another exception: it was made anew from arguments that it had changed
    except BaseException:  # whatever rebuilding runs may raise anything, SystemExit too
        blob = None
    return blob, kind, text, story


def unpack(packed: Packed) -> BaseException:
    """Rebuild an exception, with its traceback as cause; a ``RemoteError`` that describes it where that cannot be."""
    blob, kind, text, story = packed
    error: BaseException | None = None
    if blob is not None:
        try:
            error = loads(blob)
        except BaseException:
            error = None
    if not isinstance(error, BaseException):
        error = RemoteError(kind, text, story)
    _set_cause(error, RemoteTraceback(story))  # not by assignment: an exception may refuse that (a frozen dataclass does)
    return error


def _without_addresses(text: str) -> str:
    """Make texts comparable that differ in where their objects live: ``<Foo object at 0x7f...>``."""
    import re  # noqa: PLC0415 (4 ms, when something has been raised)

    return re.sub(r"0x[0-9a-fA-F]+", "0x", text)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:
        return f"<its text cannot be made: {type(failure).__name__}>"
