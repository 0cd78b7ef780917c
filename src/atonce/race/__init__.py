"""Find the race, replay it, prove it gone: run a test in the orders that matter, decided one by one."""
