"""The commands: one module each, with `declare` (its arguments) and `command` (what it does)."""
