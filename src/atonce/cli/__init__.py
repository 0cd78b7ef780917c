"""The command ``atonce``: what the library does, for people at a terminal and for shell scripts."""
