"""Two stored runs compared."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import pytest

from bench.__main__ import main
from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.settings import Settings
from bench.analyze.runs.compare import Comparison, compare
from bench.render.verdicts import terminal
from bench.render.verdicts.words import of_comparison
from bench.storage import store
from bench.storage.tables import Run
from tests import made_cases
from tests import recorded_gates as gates
from tests import recorded_runs as runs

CASES = [
    made_cases.Made("test_x", name, {}, 1e-4)
    for name in ("still", "slower", "faster", "gone", "e", "f", "g", "h", "broken")
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("runs")
    changed = {"slower": 1.2e-4, "faster": 0.8e-4}
    after = [
        replace(case, seconds=changed.get(case.operation, 1e-4)) for case in CASES if case.operation != "gone"
    ]
    after[-1] = replace(after[-1], outcome="failed", message="E")
    made = {"a": CASES, "b": [*after, replace(CASES[0], operation="new")]}
    base, head = (
        store.read_run(runs.write(folder / name, cases, seed=seed, launches=8))
        for seed, (name, cases) in enumerate(made.items())
    )
    return base, head


def compared(base: Run, head: Run) -> Comparison:
    return compare(AnalyzedRun(base), AnalyzedRun(head), Settings())


def caveat(base: Run, head: Run) -> str:
    return of_comparison(compared(base, head)).caveat


def test_every_case_has_an_answer(pair: tuple[Run, Run]) -> None:
    found = compared(*pair).decision
    states = {each.case.rpartition("test_")[2][:-5]: each.state for each in found.verdicts}
    changed = {"slower": "slower", "faster": "faster"}
    assert states == {"still": "same", **changed, "e": "same", "f": "same", "g": "same", "h": "same"}
    assert [each[-9:-5] for each in found.sides.added] == ["_new"]
    assert [each[-10:-5] for each in found.sides.removed] == ["_gone"]
    assert [each.case[-11:-5] for each in found.skipped] == ["broken"]
    change = next(each.change for each in found.verdicts if each.state == "slower")
    assert change.ratio == pytest.approx(1.2, rel=0.03)
    assert change.low < change.ratio < change.high


def test_swapped_runs_give_swapped_answers(pair: tuple[Run, Run]) -> None:
    there, back = compared(*pair).decision, compared(*reversed(pair)).decision
    ratios = {each.case: each.change.ratio for each in there.verdicts}
    assert {each.case: 1 / each.change.ratio for each in back.verdicts} == pytest.approx(ratios)


def test_few_launches_prove_nothing(tmp_path: Path) -> None:
    base, head = (
        store.read_run(
            runs.write(tmp_path / name, [replace(CASES[0], seconds=seconds)], launches=2, launch_noise=0.03)
        )
        for name, seconds in (("a", 1e-4), ("b", 1.04e-4))
    )
    (found,) = compared(base, head).decision.verdicts
    assert found.state == "undecided"


def test_caveat_names_what_else_differs(pair: tuple[Run, Run]) -> None:
    base, head = pair
    assert caveat(base, head).startswith("Runs taken one after the other tell less")
    environment = {**head.environment, "machine": "cellar", "packages": {"torch": "2.13.0", "numpy": "2.2.0"}}
    other = replace(head, header=replace(head.header, environment=environment))
    text = caveat(base, other)
    assert "The machine differs: attic and cellar. The torch differs: 2.12.0 and 2.13.0." in text


def test_another_machine_is_said_first_and_nothing_was_taken_out(
    pair: tuple[Run, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = pair
    assert not of_comparison(compared(base, head)).machines
    elsewhere = {**head.environment, "machine": "cellar", "python": {"version": "3.13.1"}}
    found = compared(base, replace(head, header=replace(head.header, environment=elsewhere)))
    terminal.show(of_comparison(found))
    out = capsys.readouterr().out
    assert out.startswith("Another machine: attic, then cellar.")
    assert "The Python differs: 3.12.4 and 3.13.1." in out
    assert "taken out" not in out.replace("taken out of each change", "")
    assert (
        "in the earlier run alone: the later one added other sizes, or had no time for these: test_gone"
        in out
    )
    assert "in the later run alone: a run adds sizes near a crossing: test_new" in out


MANY = [made_cases.Made("test_x", f"case{i}", {}, 1e-4) for i in range(20)]


def shifted(folder: Path, ratio: float, **environments: dict[str, object]) -> Comparison:
    """Runs of twenty cases; in the second all take `ratio` times as long, the first case 1.3 times that."""
    later = [replace(case, seconds=1e-4 * ratio * (1.3 if i == 0 else 1)) for i, case in enumerate(MANY)]
    read = []
    for seed, (name, cases) in enumerate({"a": MANY, "b": later}.items(), start=1):
        run = store.read_run(runs.write(folder / name, cases, seed=seed))
        environment = {**run.environment, **environments.get(name, {})}
        read.append(replace(run, header=replace(run.header, environment=environment)))
    return compared(*read)


def test_what_all_cases_share_is_taken_out_and_said(tmp_path: Path) -> None:
    found = shifted(tmp_path, 1.06)
    assert found.shift is not None
    assert found.shift.ratio == pytest.approx(1.06, rel=0.01)
    low, high = found.shift.interval
    assert low < 1.06 < high < low * 1.03
    first, *others = found.decision.verdicts
    assert first.state == "slower"
    assert first.change is not None
    assert first.change.ratio == pytest.approx(1.3, rel=0.03), "less the shift"
    assert {each.state for each in others} == {"same"}
    text = of_comparison(found).caveat
    assert "What all 20 cases share, +5.9 % (" in text
    assert "is the machine's pace, and taken out of each change" in text


def test_how_unlike_a_machine_drifted_for_its_cases_is_in_the_bounds_and_said(tmp_path: Path) -> None:
    """Twenty cases lie as normal values with a deviation of 8 % do, on one machine: no code does that."""
    places = [NormalDist().inv_cdf((i + 0.5) / len(MANY)) for i in range(len(MANY))]
    later = [
        replace(case, seconds=1e-4 * math.exp(0.08 * place)) for case, place in zip(MANY, places, strict=True)
    ]
    both = {"a": MANY, "b": later}
    found = compared(*(
        store.read_run(runs.write(tmp_path / name, cases, seed=seed))
        for seed, (name, cases) in enumerate(both.items(), start=1)
    ))  # fmt: skip
    assert found.shift is not None
    assert found.shift.apart == pytest.approx(0.08, abs=0.015)
    for each in found.decision.verdicts:
        assert each.change is not None
        assert each.change.high / each.change.low > 1.25
    assert "It was not alike for all: cases lie" in of_comparison(found).caveat


def test_a_large_shift_is_a_result(tmp_path: Path) -> None:
    found = shifted(tmp_path, 1.2)
    assert {each.state for each in found.decision.verdicts} == {"slower"}
    assert "a result" in of_comparison(found).caveat


@pytest.mark.parametrize(
    "other",
    [
        {"machine": "cellar"},
        {"python": "3.13.0"},
        {"packages": {"torch": "2.13.0"}},
        {"torch": {"threads": 1}},
        {"variables": {"OMP_NUM_THREADS": "1"}},
    ],
    ids=str,
)
def test_between_unlike_runs_a_shift_stays_in(tmp_path: Path, other: dict[str, object]) -> None:
    found = shifted(tmp_path, 1.08, b=other)
    assert found.shift is not None
    assert not found.shift.taken_out
    assert {each.state for each in found.decision.verdicts} == {"slower"}
    assert "left in each change" in of_comparison(found).caveat


def test_of_few_cases_no_shift_can_be_told(tmp_path: Path) -> None:
    base, head = (
        store.read_run(runs.write(tmp_path / name, [replace(case, seconds=seconds) for case in CASES]))
        for name, seconds in (("a", 1e-4), ("b", 1.08e-4))
    )
    found = compared(base, head)
    assert found.shift is None
    assert {each.state for each in found.decision.verdicts} == {"slower"}


def test_the_error_of_the_shift_is_in_the_intervals(tmp_path: Path) -> None:
    alike, unlike = shifted(tmp_path / "alike", 1.06), shifted(tmp_path / "unlike", 1.06, b={"machine": "x"})
    for taken, left in zip(alike.decision.verdicts, unlike.decision.verdicts, strict=True):
        assert taken.change is not None
        assert left.change is not None
        assert taken.change.high / taken.change.low > left.change.high / left.change.low


def test_head_of_a_gate_is_what_is_compared(tmp_path: Path) -> None:
    gate = store.read_run(gates.write(tmp_path / "gate", [gates.Compared("test_a", 1.3)], range(13)))
    later = store.read_run(gates.write(tmp_path / "later", [gates.Compared("test_a")], range(13)))
    (found,) = compared(gate, later).decision.verdicts
    assert found.change.ratio == pytest.approx(1 / 1.3, rel=0.02)


def test_command(
    pair: tuple[Run, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    base, head = (str(run.path) for run in pair)
    assert main(["compare", base, head]) == 0
    out = capsys.readouterr().out
    assert "Compared: 1 slower, 1 faster, 5 same" in out
    assert "Runs taken one after the other tell less" in out
    assert main(["compare", base, str(pair[0].path.parent)]) == 2
    assert "holds 2 runs; expected one" in capsys.readouterr().err
    assert main(["compare", base, str(tmp_path)]) == 2
    (tmp_path / "pyproject.toml").write_text("[tool.bench.gate]\nmax_regression = 5\n")
    assert main(["compare", base, head]) == 2
    assert "pyproject.toml, line 2" in capsys.readouterr().err
