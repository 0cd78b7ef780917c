"""A branch whose workers cannot work there: nobody waits for what they will never end."""

import threading

from atonce._workers.process.branch import Branch
from atonce._workers.process.claims import Claims

SETTINGS = {
    "fn": abs,
    "star": False,
    "patient": False,
    "name": "abs",
    "is_async": False,
    "timed": False,
    "in_flight": 2,
    "elastic": False,
    "strict": False,
    "stops": True,
    "timeout_s": None,
    "retries": 0,
}
PATIENCE_S = 30


class Silent:
    """A sender that sends nothing."""

    def pack(self, values):
        return values

    def send(self, *parts):
        """Send nothing."""


def test_it_ends_though_a_worker_has_failed_with_items_in_hand():
    words, refused, ended = memoryview(bytearray(4096)).cast("q"), [], []
    words[0] = 2**63 - 1
    branch = Branch(SETTINGS, Claims(words), words, Silent(), refused.append)
    fault = MemoryError("no room")
    idle = branch._idle.pop()
    branch._slots = 0  # and nobody is called
    branch.open(1, 0, [1, 2, 3])
    assert branch.take(1).items == [1]
    branch.leave(idle, fault)

    def close():
        branch.close()
        ended.append(True)

    thread = threading.Thread(target=close, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert ended
    assert refused == [fault]
