"""Which contender wins, and from which size."""
