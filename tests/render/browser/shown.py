"""Pages that the browser's tests open, and what they look at in them."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

EVIL = "<script>alert(1)</script>"

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


class Shown:
    """A page in a file, with what is expected of it."""

    def __init__(self, folder: Path, html: str, figures: int = 0, made: Any = None) -> None:
        self.file, self.figures, self.made = folder / "page.html", figures, made
        self.file.write_text(html, "utf-8")

    @property
    def url(self) -> str:
        return self.file.as_uri()


def table(tab: Any, section: str) -> Any:
    return tab.locator(f"#{section} .table")


def first_column(holder: Any) -> list[str]:
    return list(holder.locator("tbody th").all_inner_texts())


def cases_shown(holder: Any) -> list[str]:
    """The ids of the cases in a table, from the addresses that their rows lead to."""
    links = holder.locator("tbody th a").evaluate_all("links => links.map((link) => link.hash)")
    return [unquote(link.removeprefix("#case=")) for link in links]
