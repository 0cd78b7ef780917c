"""Which order comes next: a strategy a file."""
