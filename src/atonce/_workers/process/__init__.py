"""Processes: for work that keeps a CPU busy. See the README beside this file."""
