"""What each command does, as functions that return data."""


class UserError(Exception):
    """One or two lines for the user: what was seen, what was expected, what to try. Exit status 2."""
