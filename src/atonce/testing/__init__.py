"""Kits for those who test with atonce, or an engine of their own: conformance, evidence, leaks, a clock to hold in the hand."""

from atonce.testing.clock import ManualClock
from atonce.testing.conformance import CASES, Case, Kit
from atonce.testing.evidence import Evidence, wait_until
from atonce.testing.leaks import Leaks

__all__ = ("CASES", "Case", "Evidence", "Kit", "Leaks", "ManualClock", "wait_until")
