"""A worker's last words, and what they tell of why it ended by itself."""

import re

from bench import plain
from bench.measure.worker.protocol import Ended

USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED = 4, 3, 2
"""pytest's exit statuses for arguments that it does not understand, for an error in a plugin, and for an
interrupt from within."""

ERROR, INTERNAL = re.compile(r"ERROR: |\S+: error: "), "INTERNALERROR> "
"""How pytest's own lines of these begin."""

CONFTEST = "ImportError while loading conftest"
"""How pytest begins to say which conftest.py raised what."""

HEADER = re.compile(
    r"=+ (test session starts|no tests ran)|(platform|cachedir:|rootdir:|configfile:|plugins:|benchmark:) |"
    r"Using --randomly|collecting |collected \d"
)
"""How lines begin that pytest prints of itself."""

LAST_WORDS = 1500
"""Characters of a dead worker's output that are kept."""

LAST_LINES = 3
"""How many of its lines are told where pytest ended in good order, as after its help."""


def last_words(printed: str) -> str:
    """The end of what a worker printed, without what pytest prints of itself."""
    lines = printed[-LAST_WORDS:].strip().splitlines()
    return "\n".join(line for line in lines if not HEADER.match(line)).strip()


def why(message: Ended, words: str) -> str:
    """Why a worker ended by itself: pytest's own line where it refuses its arguments, else its last words."""
    if message.refusal:
        return message.refusal
    lines = words.splitlines()
    round_them = ""
    if message.addopts:
        way = "--pytest-args='-o addopts=' goes round them"
        round_them = f"; the project's own options are {message.addopts}: {way}"
    errors = [line.partition("error: ")[2] or line for line in lines if ERROR.match(line)]
    if errors and message.status == USAGE_ERROR:
        return f"pytest refuses its arguments: {errors[-1].removeprefix('ERROR: ')}{round_them}"
    conftest = [line for line in lines if line.startswith(CONFTEST)]
    if conftest and message.status == USAGE_ERROR:
        errors = [line[1:].strip() for line in plain.placed(words).splitlines() if line.startswith("E  ")]
        return " ".join([conftest[-1], *errors[-1:]])
    internal = [line.removeprefix(INTERNAL) for line in lines if line.startswith(INTERNAL)]
    if internal and message.status == INTERNAL_ERROR:
        raised = next((line for line in reversed(internal) if line[:1].strip()), internal[-1])
        return f"pytest ended by an error of its own or of a plugin: {raised}{round_them}"
    interrupts = [line.strip("! ") for line in lines if line.startswith("!!!")]
    if interrupts and message.status == INTERRUPTED:
        return f"it ended pytest as a whole: {interrupts[-1]}"
    text = (
        f"pytest ended with status {message.status} by itself, as where a plugin takes its loop{round_them}"
    )
    return "\n".join([text, *lines[-LAST_LINES:]])
