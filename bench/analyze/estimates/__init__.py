"""Seconds per call of every case, and how far to trust them."""
