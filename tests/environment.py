"""The environment of the programs that tests start."""

import os

_TELLS_PYTEST_HOW_TO_TALK = ("CI", "BUILD_NUMBER", "PYTEST_ADDOPTS")  # where CI is set, pytest shows messages of failures twice


def without_pytest_settings():
    """Return the environment for a program in which pytest shall talk as it does in a terminal."""
    return {name: value for name, value in os.environ.items() if name not in _TELLS_PYTEST_HOW_TO_TALK}
