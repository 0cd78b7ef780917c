"""What this computer offers: its usable CPUs and its clocks."""
