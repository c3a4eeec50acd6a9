"""What runs in the coordinator: it decides what workers time next, and records it."""
