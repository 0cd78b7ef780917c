"""What travels between the parts: options, jobs, batches, outcomes, plans, events, reports."""
