"""A function whose items each draw random numbers of their own, so that it makes no difference where they run, or when.

It takes inputs with their numbers (``numbered.py``) and goes wherever a function goes: to threads, loops and other processes, none
of which knows of it. What an item draws follows from the seed and its place in the input alone, so it is the same again in another
attempt, and in another run.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from atonce._values.numbered import Numbered
from atonce._wire.generators import Draw, draw_of
from atonce._workers.carry import begin_in_users_code
from atonce._workers.draws import Draws, Turn

__all__ = ("Seeded", "seeded")


class Seeded(partial[Any]):
    """The user's function, for numbered inputs.

    It is a ``partial`` because everybody looks through one: the run still finds the user's name for the function, whether it is a
    coroutine function, and what it writes to.

    Attributes:
        seed: the caller's, as bytes.
        star: whether an input is a tuple of arguments.
        later: whether a call gives a coroutine.
        awaited: whether what it returns is awaited, if it can be.
        draw: where the function stands, if it is one that draws from the one generator of all (``random.choice``).
        thread: the thread in which items run strictly one after the other; 0 if there is none.
    """

    seed: bytes
    star: bool
    later: bool
    awaited: bool
    draw: tuple[str, str] | None
    thread: int

    def __setstate__(self, state: Any) -> None:
        """Arrive in a worker process. What it runs one after the other, it runs in its main thread."""
        super().__setstate__(state)  # type: ignore[misc]  # typeshed does not know it
        self.thread = threading.main_thread().ident or 0

    def __call__(self, numbered: Numbered, /) -> Any:
        """Run an item."""
        draws = Draws(self.seed, numbered.index)
        if self.later:
            return self._run_later(numbered.item, draws)
        turn = Turn(draws, alone=threading.get_ident() == self.thread)
        try:
            with turn:
                value = self._run(numbered.item)
        except BaseException as error:
            begin_in_users_code(error)  # below this function and _run
            begin_in_users_code(error)
            raise
        finally:
            turn.end()
        return self._waited_for(value, draws) if self.awaited else value

    def _run(self, item: Any) -> Any:
        call = super().__call__ if self.draw is None else partial(Draw(*self.draw).found(), *self.args, **self.keywords)
        return call(*item) if self.star else call(item)

    async def _run_later(self, item: Any, draws: Draws) -> Any:
        turn = Turn(draws)
        try:
            with turn:
                return await self._run(item)
        except BaseException as error:
            begin_in_users_code(error)
            raise
        finally:
            turn.end()

    def _waited_for(self, value: Any, draws: Draws) -> Any:
        """Let what an event loop waits for draw from the same numbers."""
        from inspect import isawaitable  # noqa: PLC0415 (10 ms, for those who have a loop)

        return self._wait(value, draws) if isawaitable(value) else value

    @staticmethod
    async def _wait(value: Any, draws: Draws) -> Any:
        turn = Turn(draws)
        try:
            with turn:
                return await value
        except BaseException as error:
            begin_in_users_code(error)
            raise
        finally:
            turn.end()


def seeded(fn: Any, seed: int, *, star: bool, is_async: bool, kind: str) -> Seeded:
    """Give each item of a function random numbers of its own.

    Args:
        fn: the function.
        seed: the caller's.
        star: whether an input is a tuple of arguments.
        is_async: whether it is a coroutine function.
        kind: of the engine that begins the run, in the calling thread.
    """
    made = Seeded(fn)
    made.seed = seed.to_bytes(seed.bit_length() // 8 + 1, "little", signed=True)
    made.star = star
    made.later = is_async
    made.awaited = kind == "async"
    draw = draw_of(made.func)
    made.draw = None if draw is None else (draw.module, draw.name)
    made.thread = threading.get_ident() if kind == "inline" else 0
    return made
