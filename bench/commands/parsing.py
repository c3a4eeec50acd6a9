"""The parser of the command line: help that ends with examples, mistakes told in one line."""

import argparse
import importlib.metadata
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from bench.app.suggestions import did_you_mean

EXAMPLES = "examples:"
"""How the end of a command's help begins, which keeps its lines as they are."""

MISTAKEN = re.compile(r"invalid choice: '([^']*)'|unrecognized arguments: (--?[^\s=]+)")
"""What argparse says of a word that it does not know."""


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what was wrong, what may have been meant, and where help is."""

    def __init__(self, **options: Any) -> None:
        self.words: list[str] = []  # argparse's own constructor adds --help
        super().__init__(formatter_class=Formatter, **options)

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """As argparse's, and keeps what may be typed."""
        self.words += [name for name in names if name.startswith("-")]
        self.words += [str(choice) for choice in options.get("choices") or ()]
        return super().add_argument(*names, **options)

    def parse_known_args(  # type: ignore[override]  # what is unknown to a command is told by that command
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's, but that nothing is left over."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """One line on stderr; exit status 2."""
        found = MISTAKEN.search(message)
        meant = did_you_mean(found[1] or found[2], self.words) if found else ""
        self.exit(2, f"{self.prog}: error: {message}{meant or f'; see `{self.prog} --help`'}\n")


class Formatter(argparse.HelpFormatter):
    """Fills paragraphs to the terminal's width, and leaves examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLES):
            return text
        return "\n\n".join(
            super(Formatter, self)._fill_text(part, width, indent) for part in text.split("\n\n")
        )


def examples(lines: Sequence[str]) -> str:
    """The end of a command's help."""
    return "\n  ".join([EXAMPLES, *lines])


class Version(argparse.Action):
    """Prints the version; only then is it looked up."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        try:
            version = importlib.metadata.version("torch-course-bench")
        except importlib.metadata.PackageNotFoundError:
            version = "not installed: run from a checkout"
        print(f"{parser.prog} {version}")
        parser.exit()
