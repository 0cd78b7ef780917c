"""What people see of a run: listens to events, decides nothing."""
