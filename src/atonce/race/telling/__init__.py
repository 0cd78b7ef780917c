"""How a failing order is told to people: what it shows, and the columns and words for it."""
