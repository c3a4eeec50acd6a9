"""What runs in the coordinator: it starts workers and decides what they time next."""
