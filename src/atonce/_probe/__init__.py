"""What the function turns out to be like."""
