"""The calls: `explore` looks for an order in which a function fails, `check` is a test of that, `replay` runs one order again."""

from __future__ import annotations

import functools
import linecache
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Literal, ParamSpec, overload

from atonce.errors import OptionError, ScheduleDiverged
from atonce.race.budget import seconds_of
from atonce.race.eye import Opcodes
from atonce.race.report import Report, Verdict
from atonce.race.running import Runner
from atonce.race.schedule import Order, format_order, parse_order
from atonce.race.search.between import Between
from atonce.race.search.plan import STRATEGIES, Plan
from atonce.race.search.replaying import Replaying
from atonce.race.search.searching import Search, search
from atonce.race.settings import settings
from atonce.race.shrinking import shrink
from atonce.race.switching import Chosen, missed
from atonce.race.targets import Target
from atonce.race.telling.tell import tell

__all__ = ("check", "explore", "replay")

P = ParamSpec("P")

_BUDGET = "5s"


def explore(
    fn: Callable[[], object] | None = None,
    *,
    budget: str | float = _BUDGET,
    runs: int | None = None,
    strategy: str = "auto",
    seed: int = 0,
    include: Sequence[str] | None = None,
    time: str = "virtual",
    setup: Callable[[], Any] | None = None,
    workers: Sequence[Callable[[Any], object]] | None = None,
    invariant: Callable[[Any], object] | None = None,
) -> Report:
    """Run a function again and again, each time in another order of its threads, and report whether any order makes it fail.

    The function is an ordinary test: it builds its state, starts threads, joins them, and asserts. All that it does with
    ``threading``, ``queue``, ``concurrent.futures`` (threads), ``asyncio`` and ``time`` is under control while it runs, and
    nothing else is changed.

    Args:
        fn: the function, synchronous or a coroutine function, without arguments. One that `check` has made stands for the test that
            it was made of.
        budget: how long to look: seconds, or a text with a unit (``"500ms"``, ``"5s"``, ``"2min"``).
        runs: how many orders to run at most; ``None``: as many as the budget allows.
        strategy: ``"auto"`` looks through all orders that differ, in turns with guesses; ``"dpor"``, ``"pos"`` and ``"random"`` do
            only the one.
        seed: of the guesses. The same seed makes the same search.
        include: names of modules whose code is looked into, their submodules included. By default the function's own module, its
            package, and what these modules import from the same project (from below the folder with a ``pyproject.toml`` or the
            like), but nothing that is installed. A call of other Python code is taken for one step, and proves nothing.
        time: ``"virtual"``: nobody waits; a sleep may end at any time, and a timeout ends when nobody else can go on.
        setup: instead of `fn`: makes the state that the workers share.
        workers: what runs side by side, a thread each; each is given the state.
        invariant: is given the state when all have ended, and says whether it is right.

    Returns:
        The report: ``report.verdict`` is ``"failed"``, ``"proved"`` or ``"not found"``.

    Raises:
        OptionError: an option is unknown, or cannot be honoured.

    Example:
        >>> import threading
        >>> def test():
        ...     lock = threading.Lock()
        ...     with lock:
        ...         pass
        >>> explore(test).verdict
        'proved'
    """
    target = Target.of(fn, setup, workers, invariant, include)
    seconds = seconds_of(budget)
    _validate(strategy, time, runs)
    begun = perf_counter()
    with Runner(target.program, target.include, target.functions, target.also) as runner:
        plan = Plan(strategy, seed, _between(runner.opcodes, strategy, seed))
        found = search(runner, plan, seconds=seconds, runs=runs)
        eye = _eye(runner, found, strategy)
        if found.failing is None:
            return _clear(found, eye, target, seed, perf_counter() - begun)
        return _failed(found, runner, eye, target, seed, perf_counter() - begun)


@overload
def check(fn: Callable[P, Any], /) -> Callable[P, Any]: ...
@overload
def check(
    *, require: Literal["proved", "not found"] = "proved", **options: Any
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
def check(fn: Callable[P, Any] | None = None, /, *, require: Literal["proved", "not found"] = "proved", **options: Any) -> Any:
    """Make a test that runs in all orders that make a difference, and fails if one of them does.

    Args:
        fn: the test, synchronous or a coroutine function. Its arguments (a test runner's fixtures) are the same in each run.
        require: what the test passes with. ``"proved"``: there is no order in which it fails. ``"not found"``: none was found, for
            programs of which more cannot be known: too many orders, or timeouts.
        options: those of `explore`.

    Returns:
        A function with the same arguments, which returns nothing.

    Raises:
        RaceFound: when it is called, and an order fails. The exception that it raised is the cause.
        DeadlockFound: when it is called, and an order ends with nobody who can go on.
        OptionError: an option is unknown, or cannot be honoured.

    Example:
        >>> @check(require="proved")
        ... def test_nothing_is_shared():
        ...     assert sum(range(4)) == 6
        >>> test_nothing_is_shared()
    """
    if fn is None:
        return functools.partial(check, require=require, **options)
    if require not in ("proved", "not found"):
        raise OptionError(f'require={require!r} is neither "proved" nor "not found"')
    test = fn

    @functools.wraps(test)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        __tracebackhide__ = True
        asked = settings.replay
        if asked:
            replay(Target.bound(test, args, kwargs), asked, include=options.get("include"))
        else:
            explore(Target.bound(test, args, kwargs), **{**options, **settings.options()}).assert_ok(require)

    vars(checked)["race_options"] = options  # by which the command line knows it
    return checked


def replay(
    fn: Callable[[], object] | None,
    schedule: str,
    *,
    include: Sequence[str] | None = None,
    setup: Callable[[], Any] | None = None,
    workers: Sequence[Callable[[Any], object]] | None = None,
    invariant: Callable[[Any], object] | None = None,
) -> None:
    """Run a function once, in exactly the order that a report named, and raise what it raises.

    Under a debugger, a breakpoint in the function stops there as in any program: the other threads are parked meanwhile. (On Python
    3.11, orders that switch between opcodes, ``r1o3.11:...``, cannot be followed under a debugger.)

    Args:
        fn: the function that was explored; ``None`` if it was a setup, workers and an invariant.
        schedule: `Report.replay`, like ``"r1:0*6.1*3.2*4.1.0*6"``.
        include: as for `explore`; it has to be the same.
        setup: as for `explore`, like the next two.
        workers: what runs side by side.
        invariant: says whether the state is right.

    Raises:
        BaseException: what the function, or a thread that it started, raises in this order.
        DeadlockFound: nobody can go on. The message says who waits for what.
        ScheduleDiverged: the order does not fit: the function, or what it uses, is not what it was.
        OptionError: an option is not as `explore` takes it; the text is no such order; or it switches between the opcodes of
            another version of Python, or they cannot be counted here.
    """
    __tracebackhide__ = True
    picks, switches, strict = parse_order(schedule)
    target = Target.of(fn, setup, workers, invariant, include)
    following = Replaying(picks)
    with Runner(target.program, target.include, target.functions, target.also) as runner:
        if switches is not None and runner.opcodes.closed:
            raise OptionError(f"this order switches between opcodes, and they cannot be counted: {runner.opcodes.closed}")
        once = functools.partial(runner.once, switches=switches)
        runner.strict = strict
        run = once(following)
        failure = run.failure
        diverged = following.diverged or missed(run)
        if diverged:
            raise ScheduleDiverged(
                f"{target.name} did not follow the order {diverged}.\n"
                "It was written for another version of the function, of what it uses, or with other modules included"
            )
        story = tell(once, picks) if failure is not None and failure.error is None else None
    if failure is not None and failure.error is not None:
        raise failure.error
    if failure is not None:
        _report(target, "failed", replay=schedule, failure=failure.kind, story=story).assert_ok()


def _between(opcodes: Opcodes, strategy: str, seed: int) -> Between | None:
    return None if strategy != "auto" or opcodes.closed else Between(seed, unseen=opcodes.unseen > 0)


def _eye(runner: Runner, found: Search, strategy: str) -> str:
    """Say how accesses were seen. For a proof, the source is enough."""
    more = runner.opcodes.name if strategy == "auto" and not found.proved else ""
    return f"{runner.eye.name}, {more}" if more else runner.eye.name


def _how(switches: Chosen, blind: int) -> str:
    """Say how an order was found, and where the access is that matters: of some functions there may be no source."""
    where = ["of a kind that the checker does not see by itself"] if switches.everywhere else []
    where += ["in a function without source"] if blind else []
    python = "{}.{}".format(*sys.version_info)
    return f"found by switching between opcodes (Python {python}): the access that matters is {', or '.join(where)}"


def _clear(found: Search, eye: str, target: Target, seed: int, seconds: float) -> Report:
    unasked = _unasked(target)
    return _report(
        target,
        "proved" if found.proved and not unasked else "not found",
        schedules=found.runs,
        steps=found.steps,
        seconds=seconds,
        seed=seed,
        eye=eye,
        doubts=(*unasked, *found.why_not),
    )


def _unasked(target: Target) -> tuple[str, ...]:
    """Say that nobody asked what the function asserts, if so."""
    asserts = any(line.lstrip().startswith("assert") for file in target.files() for line in linecache.getlines(file))
    return ("python -O leaves out assert statements, and the function has some: run it without -O",) * (
        sys.flags.optimize and asserts
    )


def _failed(found: Search, runner: Runner, eye: str, target: Target, seed: int, seconds: float) -> Report:
    assert found.failing is not None
    smallest, switches = shrink(runner.once, found.failing)
    once = functools.partial(runner.once, switches=switches)
    failure = smallest.run.failure
    assert failure is not None
    story = tell(once, smallest.picks, left=smallest.left, before=failure.error)
    return _report(
        target,
        "failed",
        schedules=found.runs,
        steps=found.steps,
        seconds=seconds,
        seed=seed,
        eye=f"{eye}, opcodes" if switches is not None and switches.everywhere and eye == runner.eye.name else eye,
        replay=format_order(Order(smallest.picks, switches, runner.strict)),
        error=failure.error,
        failure=failure.kind,
        switches=smallest.switches,
        minimal=smallest.minimal,
        doubts=() if smallest.repeats else ("the order did not fail again: the program depends on more than the order",),
        story=story if switches is None else story._replace(facts=(*story.facts, _how(switches, runner.opcodes.unseen))),
    )


def _report(target: Target, verdict: Verdict, *, schedules: int = 1, seconds: float = 0.0, **rest: Any) -> Report:
    rest.update(function=target.name, target=target.command, parts=target.parts, include=target.asked)
    return Report(verdict, schedules=schedules, seconds=seconds, **rest)


def _validate(strategy: str, time: str, runs: int | None) -> None:
    if strategy not in STRATEGIES:
        raise OptionError(f"strategy={strategy!r}: expected one of {', '.join(map(repr, STRATEGIES))}")
    if time != "virtual":
        raise OptionError(f'time={time!r}: time is "virtual" in a run, so that nobody waits; there is no other')
    if runs is not None and (isinstance(runs, bool) or not isinstance(runs, int) or runs < 1):
        raise OptionError(f"runs={runs!r}: expected a number of orders, 1 or more")
