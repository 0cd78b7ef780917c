"""Inputs with their numbers: what an item draws depends on its place in the input (``seed=``), so it carries its place along."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which costs 10 ms at the start of a worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from typing import Any

__all__ = ("Numbered", "NumberedLater", "NumberedView", "numbered", "unnumbered")


class Numbered:
    """An input and its place.

    Attributes:
        index: its place.
        item: the input, as the caller gave it.
    """

    __slots__ = ("index", "item")

    def __init__(self, index: int, item: Any) -> None:
        self.index = index
        self.item = item

    def __reduce__(self) -> tuple[Any, ...]:  # cheaper than the state of slots: there is one for each item of a batch
        return Numbered, (self.index, self.item)

    def __repr__(self) -> str:
        return repr(self.item)  # people know the input, and not us


class NumberedView(Sequence["Numbered"]):
    """A sequence of inputs that are numbered when somebody looks. Any thread, as far as the inputs bear it."""

    __slots__ = ("_inputs",)

    def __init__(self, inputs: Sequence[Any]) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, index: Any) -> Any:
        """Return the input at an index; only one at a time is ever asked for."""
        return Numbered(range(len(self._inputs))[index], self._inputs[index])


class NumberedLater:
    """Numbers inputs that have to be waited for. It holds nothing open: to stop reading is to let go of it."""

    __slots__ = ("_index", "_inputs")

    def __init__(self, inputs: AsyncIterator[Any]) -> None:
        self._inputs = inputs
        self._index = 0

    def __aiter__(self) -> AsyncIterator[Numbered]:
        return self

    async def __anext__(self) -> Numbered:
        item = await anext(self._inputs)
        self._index += 1
        return Numbered(self._index - 1, item)


def numbered(inputs: Iterable[Any]) -> Iterator[Numbered]:
    """Number inputs, each when it is read.

    Example:
        >>> [(each.index, each.item) for each in numbered("ab")]
        [(0, 'a'), (1, 'b')]
    """
    return map(Numbered, count(), inputs)


def unnumbered(item: Any) -> Any:
    """Return the input as the caller gave it, of one that may be numbered."""
    return item.item if type(item) is Numbered else item
