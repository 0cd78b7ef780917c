"""A folder for what workloads read and write."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

__all__ = ("folder",)


@cache
def folder() -> Path:
    """Make a folder that goes when the program that asked for it ends, not when one of its workers does."""
    path, owner = Path(tempfile.mkdtemp(prefix="atonce-choice-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(path, ignore_errors=True)

    atexit.register(remove)
    return path
