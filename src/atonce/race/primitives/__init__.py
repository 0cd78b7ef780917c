"""What `threading`, `queue`, `concurrent.futures`, `time` and `random` do in a task: one idea a file."""
