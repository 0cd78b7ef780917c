"""Numbers in words: durations, amounts, one or many."""

from __future__ import annotations

__all__ = ("in_bytes", "in_words", "plural")


def plural(word: str, number: int) -> str:
    """Return what turns a word into its plural, if there is not exactly one."""
    if number == 1:
        return ""
    return "es" if word.endswith("s") else "s"


def in_words(seconds: float) -> str:
    """Write a duration with its unit: ``1.38 s``, ``86 ms``, ``9.35 µs``, ``520 ns``."""
    if seconds >= 1000:  # noqa: PLR2004 (from here on, three digits are fewer than the whole number)
        return f"{seconds:,.0f} s"
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if seconds >= 0.9995 * scale:  # what rounds to 1,000 of a unit is 1 of the next
            return f"{seconds / scale:.3g} {unit}"
    return "0 s"


def in_bytes(number: float) -> str:
    """Write an amount of memory with its unit: ``900 bytes``, ``1.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004
            return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"  # noqa: PLR2004
        number /= 1024
    return f"{number:,.0f} GiB" if number >= 100 else f"{number:.3g} GiB"  # noqa: PLR2004
