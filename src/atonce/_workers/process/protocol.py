"""What the two halves of a process worker say to each other, and the words of memory that they share.

A message is a frame (see ``_wire/frames.py``): a letter and a payload. The parent may send several batches ahead; the child runs
them in the order in which they came, and answers each with one or more ``D`` or ``E``, the last of them marked as final. Where it
is to have several items under way at once, it begins them in that order, they end in any, and each ``M`` tells of items of several.

====== ====== ================================================================ ===================================================
letter from   payload                                                          meaning
====== ====== ================================================================ ===================================================
S      parent pickled settings, see ``child.Child.set_up``                      become like the parent, run the initializer
J      parent pickled parts of the job, see ``child.Child.take_job``             what to do with the items that follow
B      parent serial, start (8 bytes each), pickled list of items              a batch
O      parent serial, start, pickled (blob, slot, spans)                       the same, its large buffers in the arena
C      parent serial, start, pickled list of ``(parcel, earlier attempts)``    a careful batch: each item read, run, packed and
                                                                               answered for itself
G      parent pickled list of slots                                            slots of the child's arena that may be used again
R      child  nothing                                                          set up
F      child  pickled (stage, ``Packed``): ``"S"`` or ``"J"``                  that failed; every batch comes back undone
D      child  pickled part, see below                                          results; the values are builtin objects through and
                                                                               through, so that unpickling them cannot fail
E      child  pickled part                                                     results; each value a parcel for itself
M      child  pickled parts, see below                                         results, of items of several batches
Q      parent nothing                                                          what is under way? Only where several items are
I      child  pickled list of (index, seconds or None, place), how many more   that is, in answer to Q
U      child  pickled serial                                                   this batch cannot be read as a whole: send it as C
L, W   child  see ``forward.py``                                               a log record, a warning
====== ====== ================================================================ ===================================================

A *part* is ``(serial, first, values, failed, final, seconds, cpu_s, durations, attempts, let_go)``: the position in the batch of
its first value; the values, with ``None`` where an item failed; position, ``Packed`` exception and attempts of each that did;
whether the batch has ended; wall and CPU time; the time of each item, where that was asked for, and how often it was tried, where
more than once; and the slots of the parent's arena that the child has let go of.

*Parts* are ``(values, runs, failed, ended, seconds, cpu_s, durations, attempts, notices, grown, let_go)``: the values as in ``D``
or as in ``E``, one run after the other; of each run of neighbours, its batch's serial number, the position of its first value, and
how many there are; the other rows as above, but by place among the values; which batches have ended; what the caller should know;
and, if that has changed, how many items are under way at once.

A *parcel* is a pickled object: ``bytes``, or ``(bytes, slot, spans)`` where its large buffers lie in the arena, or, instead of a
value that does not pickle, a ``Packed`` exception of four.

The words lie at the head of the worker's arena. Each is written by one side only, with a single aligned store. They are signed,
because Python stores those three times as fast (measured: 10 and 95 ns in a loop that marks its items, CPython 3.11):

===== ======= ====== =============================================================================================================
word  name    writer meaning
===== ======= ====== =============================================================================================================
0     BARRED  parent no item with this index or above may be started
1     CLAIM   child  ``serial << 32 | end``: of this batch, the items before ``end`` have been, or are about to be, started
2     PHASE   child  what it is doing: IDLE, SETTING_UP, TAKING_JOB, READING, RUNNING, PACKING, SENDING
3     MARK    child  one more than the position in the batch of the item that is in hand; where several are, and have a time limit,
                     ``serial << 32`` added to that of the one that began first
4     SINCE   child  when that began, where items have a time limit, or when reading or packing did: ``time.monotonic_ns``
5     TRIES   child  how often that has been started here; 0 for once
6     READ    child  the batch that was read last, or is being read: its serial number
7     STACKS  child  one more than the descriptor of the file that it writes its stacks to when asked by a signal; 0: it cannot
8...  LIMIT   parent ``serial << 32 | limit`` for the batches under way, each at ``LIMIT + serial % DEPTH``: of this batch, no item
                     from ``limit`` on may be started, for it has been given to another worker
===== ======= ====== =============================================================================================================

Handing over: how an idle worker takes items of a batch that another has
------------------------------------------------------------------------
The child claims before it runs; the parent limits before it takes. Of the two, at least one sees the other::

    child                                           parent
    1. CLAIM := serial, end                         a. LIMIT := serial, k
    2. read LIMIT; go only so far                   b. fence: every store of the child before its next load is visible now
    3. run                                          c. read CLAIM; give away from max(k, claimed end) on

Race: child does 1 and 2, then a, b, c: the child has not seen the limit and will run up to ``end``; the parent reads the claim in c
and gives away what follows. Race: a and b, then 1 and 2: the child sees the limit. There is no third: if 2 read the old limit, it
came before a was visible, so 1, which the child did before, is visible after b. Claims of a batch only rise, limits only fall.

Where both saw each other (1, a, 2, b, c) the child stops at ``k`` and the parent gives away from ``end`` on: what lies between
is nobody's until the child's final answer says how far it came. The parent then gives that to somebody, too: the answer is the
truth about the child's side, and each item is in exactly one of done, given away, and left.

A batch that waits behind the running one is taken back whole, in the same way, with ``k = 0``: its child will claim, see, and
answer that it did nothing.

Where there is no fence (``membarrier``), both sides do their two steps under a lock of the worker's arena instead.
"""

from _struct import Struct

__all__ = (
    "BARRED",
    "CLAIM",
    "DEPTH",
    "HEAD",
    "IDLE",
    "LAST_SERIAL",
    "LIMIT",
    "MARK",
    "NOTHING_BARRED",
    "PACKING",
    "PHASE",
    "READ",
    "READING",
    "RUNNING",
    "SENDING",
    "SETTING_UP",
    "SINCE",
    "STACKS",
    "TAKING_JOB",
    "TRIES",
    "WORDS_BYTES",
)

WORDS_BYTES = 4096
BARRED, CLAIM, PHASE, MARK, SINCE, TRIES, READ, STACKS = range(8)
LIMIT, DEPTH = 8, 16
IDLE, SETTING_UP, TAKING_JOB, READING, RUNNING, PACKING, SENDING = range(7)
NOTHING_BARRED = 2**63 - 1
LAST_SERIAL = 2**31 - 1  # what has a place in a word beside a position; a worker gets a new process before
HEAD = Struct("<QQ")  # serial, start
