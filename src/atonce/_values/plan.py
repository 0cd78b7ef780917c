"""Which workers a run had, and on what grounds."""

from __future__ import annotations

from atonce._values.record import Record, field
from atonce._values.words import in_words, plural

__all__ = ("Plan",)

_MOST_REASONS = 3  # lines


class Plan(Record, frozen=False):
    """Which workers ran the items, and on what grounds.

    Attributes:
        engine: the kind of worker that the run ended with.
        workers: how many of them were wanted.
        in_flight: items that each may have in flight.
        reasons: one sentence a decision, in the order they were taken.
        hired_s: seconds after the beginning at which workers of this kind were hired; ``None`` if it began with them.
        verified_s: when they were seen to be worth it; ``None`` if that was not seen.
        gain: how many times as much they brought then as one worker.
        ruled_out: why the other kinds were not taken, by kind.
        flips: what would turn the choice.
        safe: what says that the choice does not change what the program means; empty if nothing was to be said.
    """

    engine: str = "inline"
    workers: int = 1
    in_flight: int = 1
    reasons: list[str] = field(default_factory=list)
    hired_s: float | None = None
    verified_s: float | None = None
    gain: float | None = None
    ruled_out: dict[str, str] = field(default_factory=dict)
    flips: list[str] = field(default_factory=list)
    safe: str = ""

    def __str__(self) -> str:
        """Say which workers."""
        what = {"inline": "the calling thread", "async": "event loop"}.get(self.engine, self.engine)
        many = what if self.workers == 1 and self.engine == "inline" else f"{self.workers} {what}{plural(what, self.workers)}"
        return f"{many} x {self.in_flight} in flight" if self.in_flight > 1 else many

    @property
    def history(self) -> str:
        """Say when they were hired, and what they were seen to bring; empty if nobody was hired."""
        if self.hired_s is None or self.engine == "inline":
            return ""
        words = f"hired at {in_words(self.hired_s)}"
        if self.verified_s is not None and self.gain is not None:
            words += f", verified at {in_words(self.verified_s)}: {self.gain:.1f}x one worker"
        return words

    def lines(self, one_worker_more_s: float | None = None) -> list[str]:
        """Say why, why not, and what would turn it: at most six lines.

        Args:
            one_worker_more_s: seconds that one worker would have taken longer, if that is known.
        """
        reasons = self.reasons[1:] if len(self.reasons) > 1 and self.reasons[0].startswith("began in") else list(self.reasons)
        if len(reasons) > _MOST_REASONS:  # the first and the last are what matters
            reasons = [reasons[0], f"... ({len(reasons) - _MOST_REASONS + 1} decisions more)", *reasons[2 - _MOST_REASONS :]]
        lines = [f"  why    {reason}" for reason in reasons]
        ruled_out = {kind: why for kind, why in self.ruled_out.items() if kind != self.engine}
        if self.engine != "inline" and self.ruled_out and one_worker_more_s is not None and one_worker_more_s > 0:
            ruled_out["inline"] = f"{in_words(one_worker_more_s)} slower"
        for name, words in (
            ("not", [f"{_KINDS.get(kind, kind)}: {why}" for kind, why in ruled_out.items()]),
            ("flips", self.flips),
            ("safe", [self.safe] if self.safe else []),
        ):
            if words:
                lines.append(f"  {name:<6} {'   ·   '.join(words)}")
        return lines


_KINDS = {"thread": "threads", "process": "processes"}
