"""A gate's decision for people and for other programs."""

from bench.render.verdicts import ci, markdown

FORMS = {"markdown": markdown.render, "junit": ci.junit, "json": ci.json_document}
"""By the option that asks for it: a gate's summary in that form."""
