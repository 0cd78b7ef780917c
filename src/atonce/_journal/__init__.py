"""What outlives the program: the outcomes of a run in a file, and the same run's way back to them."""
