"""What runs in the worker: a pytest session that obeys the coordinator."""
