"""Find the race, replay it, prove it gone: run a test in all the orders that matter, decided one by one.

An ordinary test is enough: it builds its state, starts threads, joins them, and asserts::

    from atonce import race

    @race.check
    def test_bank():
        account = Account()
        threads = [threading.Thread(target=account.deposit, args=(10,)) for _ in range(2)]
        ...
        assert account.balance == 20

A report's verdict is ``"failed"`` (an order in which the test fails was run, and its replay string runs it again), ``"proved"``
(every order that could make a difference was run, and none failed), or ``"not found"``, which is neither.

The names are loaded when they are first used: pytest imports this package at every start, for the plugin in it.
"""

TYPE_CHECKING = False  # as typing.TYPE_CHECKING

if TYPE_CHECKING:
    from atonce.race.checking import check, explore, replay
    from atonce.race.report import Report

__all__ = ("Report", "check", "explore", "replay")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from atonce.race import checking, report  # noqa: PLC0415

    found: object = getattr(report if name == "Report" else checking, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
