"""Parts of documents that a command makes: `<!-- NAME: made by COMMAND -->` … `<!-- end of NAME -->`.

python -m tests.project.generated DOCUMENT NAME    runs a command that prints the part, and puts it there
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BEGIN = r"<!-- {name}: made by `([^`]+)` -->\n"
END = r"<!-- end of {name} -->"


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(f"(?P<begin>{BEGIN}).*?(?P<end>{END})".format(name=name), re.DOTALL)


def made_by(document: Path, name: str) -> list[str]:
    """The command that makes a part, as words."""
    found = dict(names(document)).get(name)
    if found is None:
        raise ValueError(f"{document} has no part named {name!r}")
    return shlex.split(found)


def names(document: Path) -> list[tuple[str, str]]:
    """Each part of a document, and the command that makes it."""
    return re.findall(BEGIN.format(name=r"([\w-]+)"), document.read_text("utf-8"))


def put(document: Path, name: str, text: str) -> None:
    """Replaces a part of a document. Raises ValueError where it has none of that name, or two."""
    whole = document.read_text("utf-8")
    replaced, times = _pattern(name).subn(lambda part: f"{part['begin']}{text}\n{part['end']}", whole)
    if times != 1:
        raise ValueError(f"{document} has {times} parts named {name!r}; expected one")
    document.write_text(replaced, "utf-8")


def part(document: Path, name: str) -> str:
    """What stands in a part of a document, as `put` was given it."""
    found = _pattern(name).search(document.read_text("utf-8"))
    if found is None:
        raise ValueError(f"{document} has no part named {name!r}")
    return found[0].removeprefix(found["begin"]).removesuffix(f"\n{found['end']}")


def main(arguments: Sequence[str]) -> None:
    """Renews one part of one document, made by `python -m MODULE ...`."""
    document, name = Path(arguments[0]), arguments[1]
    command = [sys.executable, *made_by(document, name)[1:]]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    put(document, name, printed.rstrip("\n"))


if __name__ == "__main__":
    main(sys.argv[1:])
