"""The eye: sees the accesses of the user's code, by rewriting its source and swapping the code of live functions."""

from atonce.race.eye import hooks
from atonce.race.eye.calls import target
from atonce.race.eye.opcodes import Opcodes
from atonce.race.eye.swapping import Eye

__all__ = ("Eye", "Opcodes", "hooks", "target")
