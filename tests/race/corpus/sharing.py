"""How the programs of `accesses` are made: each has one kind of access whose place decides whether the bug can show.

`reads`: a thread looks twice, in this way, and relies on seeing the same; another one changes something in between, in one step.
Who does not know the kind sees no place between the two looks at which the other one could come.

`writes`: two threads look, in a plain way, and then change what they saw, in this way. Who does not know the kind takes look and
change for one step.

`updates`: two threads do it once each, and one must not overwrite the other: a kind that both looks and changes.
"""

from tests.race.corpus.program import together

__all__ = ("ACCESSES", "BAD_ORDERS", "reads", "updates", "writes")

ACCESSES = {}
"""For each kind of access, the program in which it decides."""

BAD_ORDERS = {}
"""For most of them, the order in which the bug shows, done by hand."""


def reads(make, change):
    """Register a function that looks at what `make` made; `change` is what the other thread does to it."""

    def register(look):
        def program():
            thing = make()

            def watch():
                before = look(thing)
                after = look(thing)
                assert before == after

            together(watch, lambda: change(thing))

        def bad_order():
            thing = make()
            before = look(thing)
            change(thing)
            assert before == look(thing)

        return _kept(look, program, bad_order)

    return register


def writes(make, look, holds):
    """Register a function that changes what `make` made, by what `look` saw; in the end `holds` has to be true of it."""

    def register(change):
        def program():
            thing = make()

            def act():
                change(thing, look(thing))

            together(act, act)
            assert holds(thing)

        def bad_order():
            thing = make()
            first, second = look(thing), look(thing)
            change(thing, first)
            change(thing, second)
            assert holds(thing)

        return _kept(change, program, bad_order)

    return register


def updates(make, holds):
    """Register a function that updates what `make` made; in the end `holds` has to be true of it."""

    def register(update):
        def program():
            thing = make()
            together(lambda: update(thing), lambda: update(thing))
            assert holds(thing)

        return _kept(update, program)

    return register


def _kept(function, program, bad_order=None):
    name = function.__name__
    assert name not in ACCESSES
    program.__name__ = program.__qualname__ = name
    ACCESSES[name] = program
    if bad_order is not None:
        BAD_ORDERS[name] = bad_order
    return function
