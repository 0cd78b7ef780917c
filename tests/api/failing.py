"""A function that fails some times for each input, written down where every process can write."""

import asyncio


class Fails:
    """Fails so many times for an item, then gives it back."""

    def __init__(self, evidence, times, error=OSError):
        self.evidence = evidence
        self.times = times
        self.error = error

    def __call__(self, number):
        self.evidence.note(number)
        if self.evidence.lines().count(str(number)) <= self.times:
            raise self.error(f"not yet, {number}")
        return number


class FailsOnLoop(Fails):
    async def __call__(self, number):
        await asyncio.sleep(0)
        return super().__call__(number)
