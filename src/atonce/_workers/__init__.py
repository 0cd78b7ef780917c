"""How work is carried out: one kind of worker a file, all behind the contract of ``base``."""
