"""Whatever a suite's names, texts and numbers are, a run of it has a report, and every neighbour its row."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import bench
from bench.app import stored
from bench.records import Scalar
from tests import recorded_runs as recorded
from tests.made_cases import Made, curve

ODD = [
    "caf\udce9.csv", "\x00", "\x1b[31m", "$\\frac$", "$x", "{0}", "%s", "</script><b>", "a|b\n`c`", "[x]::y",
    "", "nan", "_hidden", "\U0001f600",
]  # fmt: skip
NUMBERS = [0, -1, 2**63 - 1, 2**64, 10**400, 1e308, 5e-324, -0.0, float("nan"), float("inf")]
TEXTS = st.sampled_from(ODD) | st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
SCALARS: st.SearchStrategy[Scalar] = (
    TEXTS | st.sampled_from(NUMBERS) | st.integers() | st.floats() | st.booleans() | st.none()
)
FACTS = (
    "flops", "bytes", "items", "input_bytes", "output_bytes", "footprint_bytes", "link", "dtype", "tf32",
    "resident", "peak_memory_bytes", "kept_bytes", "counted_flops", "call", "left_behind", "latency_p50_s",
    "accuracies", "trained_s", "goal", "case",
)  # fmt: skip
EXTRA = st.dictionaries(st.sampled_from(FACTS) | TEXTS, SCALARS | st.lists(SCALARS, max_size=2), max_size=6)
NAMES = st.sampled_from(["n", "engine", "trip", "median_s", "device", "case", "params"]) | TEXTS


@st.composite
def hostile(draw: st.DrawFn) -> Made:
    params: dict[str, Any] = draw(st.dictionaries(NAMES, SCALARS, max_size=3))
    axis, between = draw(st.permutations([*params, "n", "engine"]))[:2]
    return Made(
        draw(TEXTS), draw(TEXTS), params, draw(st.sampled_from([1e-9, 1e-4, 2.0])), axis=axis,
        between=between, extra=draw(EXTRA), isolate=draw(TEXTS), doc=draw(TEXTS), message=draw(TEXTS),
        skip=draw(st.just("") | TEXTS),
        outcome=draw(st.sampled_from(["passed", "passed", "failed", "skipped"])),
    )  # fmt: skip


GOOD = curve("good", {"a": lambda n: 1e-6 * n, "b": lambda n: 3e-6 + 0.5e-6 * n}, [1, 4, 16])


@settings(max_examples=10, phases=[Phase.generate])
@given(st.lists(hostile(), min_size=1, max_size=4, unique_by=lambda made: made.id))
def test_a_run_of_hostile_cases_has_a_report(made: list[Made]) -> None:
    made = [
        replace(case, axis="n", between="engine") if number % 2 else case for number, case in enumerate(made)
    ]
    with tempfile.TemporaryDirectory() as folder:
        run = recorded.write(Path(folder) / "run", [*GOOD, *made], launches=2, passes=2, per_visit=3)
        written = stored.write(stored.read([run]))
        assert written.page.read_text("utf-8")
        cases = bench.load(run)
        again = stored.read([run])  # from the tables this time
    # As text: a rate that is not known is NaN, which equals nothing.
    assert repr(again.runs[0].answers) == repr(written.report.runs[0].answers)
    assert set(cases.loc[cases["operation"] == "good", "status"]) == {"ok"}
    assert len(cases) == len(GOOD) + len({case.id for case in made})
