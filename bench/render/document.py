"""One HTML file that opens offline: a template, the style, the script, and the data that it draws from."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup


def document(template: str, data: Mapping[str, Any], **content: Any) -> str:
    """The page that `template` makes of its content; `data["tables"]` holds each `table` by its kind."""
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(
        style=Markup(_text("page.css")), script=Markup(_text("page.js")), data=_embedded(data), **content
    )


def table(
    name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], unknown: str | None = None
) -> dict[str, Any]:
    """A table as the pages' script draws it.

    A row has "cells", each text or [text, what to sort by], and where it has details a "key", unique and its
    address; `unknown` is the column whose rows without a number come last.
    """
    position = None if unknown is None else list(columns).index(unknown)
    return {"name": name, "columns": columns, "unknown": position, "rows": rows}


def _text(name: str) -> str:
    return (files("bench.render") / name).read_text("utf-8")


def _embedded(data: object) -> Markup:
    """JSON that no name in it can break out of: `<` ends a script, the separators end a line of one."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
