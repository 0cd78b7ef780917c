"""One contract for every engine: cases that each of them passes, to be run against an engine of your own too.

With pytest::

    import pytest
    from atonce.testing import CASES, Kit

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_my_engine(case, tmp_path):
        case.check(Kit(MyEngine(), tmp_path))

``python -m atonce.testing`` prints the table of engine by case for the engines that are built in.
"""

from atonce.testing.conformance import calls, ending, failures, flow, keeping, limits, surroundings
from atonce.testing.conformance.kit import Case, Kit

__all__ = ("CASES", "Case", "Kit")

CASES: tuple[Case, ...] = (
    *flow.CASES,
    *failures.CASES,
    *limits.CASES,
    *ending.CASES,
    *keeping.CASES,
    *calls.CASES,
    *surroundings.CASES,
)
