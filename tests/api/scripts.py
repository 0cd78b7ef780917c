"""Programs of a test's own, run as a user would run them."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from atonce.testing import Evidence, wait_until


class Program:
    """A running script with its own process group, so that Ctrl-C reaches all of it, as in a terminal."""

    def __init__(self, folder: Path, source: str, *args: object) -> None:
        script = folder / "program.py"
        script.write_text(textwrap.dedent(source))
        self.evidence = Evidence(folder / "seen")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(folder / "seen"), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_lines(self, count: int) -> None:
        wait_until(lambda: len(self.evidence.lines()) >= count, f"{count} lines of evidence")

    def ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)

    def end(self, patience_s: float = 30) -> tuple[int, str, str]:
        """Wait for the end; return the exit status, what was printed, and what was complained."""
        try:
            out, err = self.process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, err = self.process.communicate()
            raise AssertionError(f"the program did not end within {patience_s:g} s; it said: {err}") from None
        return self.process.returncode, out, err


def is_alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"
