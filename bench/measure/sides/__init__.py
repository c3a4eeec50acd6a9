"""Two revisions measured in lock step."""
