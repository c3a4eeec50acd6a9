"""Which blocks count."""
