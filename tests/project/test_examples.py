"""The example reports: what a reader opens, and no more."""

import re
from pathlib import Path

import pytest

import bench
from tests import ROOT
from tests.examples import MAX_BYTES

REPORTS = ROOT / "reports"
EXAMPLES = sorted(REPORTS.glob("example*"))


def test_they_are_small() -> None:
    files = [file for example in EXAMPLES for file in example.rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in files) <= MAX_BYTES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_they_hold_what_the_table_names(example: Path) -> None:
    table = re.findall(r"^\| `([\w.]+)/?` \|", (REPORTS / "README.md").read_text("utf-8"), re.MULTILINE)
    assert {entry.name for entry in example.iterdir()} <= set(table)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_their_cases_can_be_loaded(example: Path) -> None:
    assert (bench.load(example)["median_s"] > 0).sum() > 50
