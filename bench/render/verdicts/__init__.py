"""A gate's decision for people and machines: terminal, Markdown, JUnit XML, JSON and GitHub's annotations."""

from bench.render.verdicts import document, github, junit, markdown, terminal
from bench.render.verdicts.words import Account, account

__all__ = ["FORMS", "Account", "account", "github", "terminal"]

FORMS = {"markdown": markdown.render, "junit": junit.render, "json": document.render}
"""By the option that asks for it: an account's text in that form."""
