"""Find the race, replay it, prove it gone: run a test in all the orders that matter, decided one by one.

An ordinary test is enough: it builds its state, starts threads, joins them, and asserts::

    from atonce import race

    @race.check
    def test_bank():
        account = Account()
        threads = [threading.Thread(target=account.deposit, args=(10,)) for _ in range(2)]
        ...
        assert account.balance == 20

A report's verdict is ``"failed"`` (an order in which the test fails was run, and its replay string runs it again), ``"proved"`` (every
order that could make a difference was run, and none failed), or ``"not found"``, which is neither.
"""

from atonce.race.checking import check, explore, replay
from atonce.race.report import Report

__all__ = ("Report", "check", "explore", "replay")
