"""The section that holds runs against each other: what agrees holds, what does not is said."""

import gzip
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import recorded_runs
from tests.made_cases import Made
from trust import coverage
from trust.claims import Claim


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], list[Path]]:
    """Two runs of 200 cases; in the second each takes another time, by so much in logarithms."""
    return cache(lambda apart: write(tmp_path_factory.mktemp("runs"), apart))


def write(folder: Path, apart: float) -> list[Path]:
    random, paths = np.random.default_rng(1), []
    for seed, name in enumerate(("first", "second"), start=1):
        off = random.normal(0, apart, 200) if seed == 2 else np.zeros(200)
        cases = [Made(f"suite{i % 4}", "work", {"i": i}, 1e-4 * float(np.exp(off[i]))) for i in range(200)]
        paths.append(recorded_runs.write(folder / name, cases, seed=seed, passes=1))
    return paths


@pytest.fixture
def without_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the section says of recorded runs: its simulations take 6 s, and have a test of their own."""
    monkeypatch.setattr(coverage, "_simulated", list)


def judged(claims: tuple[Claim, ...]) -> dict[str, bool | None]:
    return {claim.what.removeprefix("coverage: "): claim.passed for claim in claims}


@pytest.mark.usefixtures("without_simulations")
@pytest.mark.parametrize(("apart", "holds"), [(0.0, True), (0.05, False)])
def test_runs_that_agree_hold_and_others_do_not(
    made: Callable[[float], list[Path]], tmp_path: Path, apart: float, holds: bool
) -> None:
    proof = coverage.prove(tmp_path / "out", made(apart))
    assert judged(proof.claims)["ratios that hold 1, all pairs"] is holds
    assert proof.tables["pairs"]["compared"].mean() == pytest.approx(0.95, abs=0.03), "they have it in them"
    assert len(proof.tables["pairs"]) == 200
    widths = next(claim for claim in proof.claims if "first: half of the interval" in claim.what)
    assert widths.read == "1 %, 1 %"


def test_simulations_are_held_against_their_truth() -> None:
    assert list(judged(coverage.prove(Path()).claims).values()) == [True, True]


@pytest.mark.usefixtures("without_simulations")
def test_a_journal_alone_is_a_run(made: Callable[[float], list[Path]], tmp_path: Path) -> None:
    first, _ = made(0.0)
    with (first / "journal.jsonl").open("rb") as source, gzip.open(tmp_path / "one.jsonl.gz", "wb") as target:
        shutil.copyfileobj(source, target)
    claims = coverage.prove(tmp_path / "out", [tmp_path / "one.jsonl.gz"]).claims
    assert any(claim.what.startswith("coverage: one: half") for claim in claims)


def test_the_bootstrap_widens_where_a_suite_stands_alone() -> None:
    """The same 93 %: misses spread over all suites, or all in one."""
    suites = np.repeat(list("abcdef"), 50)
    spread, gathered = np.arange(300) % 14 != 0, (suites != "a") | (np.arange(300) > 21)
    table = pd.DataFrame({"before": "x", "after": "y", "suite": suites})
    widths = [
        np.subtract(*coverage._redrawn(table.assign(holds=holds))[::-1]) for holds in (spread, gathered)
    ]
    assert widths[1] > 3 * widths[0]
