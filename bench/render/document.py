"""One HTML file that opens offline: a template, the style, the script, and the data that it draws from."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bench.render.drawing.colours import css

STYLES = ("page.css", "decisions.css", "figures.css")
"""The parts of the pages' one style sheet."""

SCRIPTS = ("table.js", "charts.js", "details.js", "page.js", "figures.js")
"""The parts of the pages' one script, in order: what a part uses while it is read stands before it."""


def document(template: str, data: Mapping[str, Any], **content: Any) -> str:
    """The page that `template` makes of its content; `data["tables"]` holds each `table` by its kind."""
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(
        style=Markup("".join(map(_text, STYLES)) + css()),
        script=Markup("".join(map(_text, SCRIPTS))), data=_embedded(data),
        tables=data["tables"], **content,
    )  # fmt: skip


def table(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    unknown: str | None = None,
    spread: str | None = None,
) -> dict[str, Any]:
    """A table as the pages' script draws it.

    A row has "cells", each text or [text, what to sort by], and where it has details a "key", unique and its
    address; one that is "folded" has details and is not drawn. `unknown` is the column whose rows without a
    number come last. A cell of the column `spread` holds values by name: where the rows shown have few names,
    each is a column of its own.
    """
    places = [None if column is None else list(columns).index(column) for column in (unknown, spread)]
    return {"name": name, "columns": columns, "unknown": places[0], "spread": places[1], "rows": rows}


def _text(name: str) -> str:
    return (files("bench.render") / name).read_text("utf-8")


def _embedded(data: object) -> Markup:
    """JSON that no name in it can break out of: `<` ends a script, the separators end a line of one."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
