"""How a value crosses to another process."""
