"""Documents, and the commands that they and workflows show: the session of nox, or the arguments of bench."""

import re
import shlex
from collections.abc import Sequence

from tests import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "reports/README.md")), *PAGES]

SESSIONS = set(re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE))


def words(line: str) -> list[str]:
    """A line of a shell as words, without its comment."""
    return shlex.split(line, comments=True)


def of_bench(words: Sequence[str]) -> list[str] | None:
    """The arguments of a command that starts bench; None of any other."""
    if list(words[:3]) == ["python", "-m", "bench"]:
        return list(words[3:])
    return list(words[1:]) if words[0] == "bench" else None


def of_nox(words: Sequence[str]) -> str | None:
    """The session that a command of nox names; None of any other."""
    return words[words.index("-s") + 1] if words[0].rpartition("/")[2] == "nox" and "-s" in words else None
