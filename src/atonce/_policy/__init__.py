"""Decisions without I/O: no clock, thread, file or socket in here; the time is an argument."""
