"""What this computer offers: its usable CPUs, its clocks, and how fast it is."""
