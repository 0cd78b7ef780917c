"""The phases of a run's hiring: what each looks at, and whom it hires or lets go."""
