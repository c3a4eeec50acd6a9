"""Several runs: their history, side by side, and two compared."""
