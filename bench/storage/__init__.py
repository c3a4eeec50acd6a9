"""The file between measuring and reading."""
