"""The measuring half: what runs on the machine, and the only part that knows torch or a clock."""
