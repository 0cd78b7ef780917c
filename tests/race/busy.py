"""What works for long without any step: no check looks into this module."""

enough = []  # anything in it ends the work
working = []  # one thing for each thread that works


def work():
    working.append(1)
    try:
        while not enough:
            pass
    finally:
        working.pop()
