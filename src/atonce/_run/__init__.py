"""One run, from source to outcomes: who reads, who works, who waits, who decides."""
