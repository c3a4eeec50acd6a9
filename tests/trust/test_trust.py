"""The proof judges what it reads rightly: what does not hold says so, and no failure is hidden."""

import csv
import itertools
import math
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from bench.events import Header, Launch, Visit
from bench.measure.start.process import Spec
from bench.measure.start.templates import Templates, hash_seed
from bench.records import Block, Case
from bench.storage.journal import Journal
from bench.storage.store import read_run
from bench.storage.tables import Run
from tests import recorded_runs
from tests.made_cases import Made
from trust import beside as beside_us
from trust import busy, cost, figures, forks, mutations, render, repeat
from trust.__main__ import SECTIONS, main
from trust.claims import Claim, Proof
from trust.company import Company
from trust.peers import TOOLS, _series, _to_width, beside, reached


def table(ratios: list[float], statuses: list[str], quiet: str = "ok") -> pd.DataFrame:
    """What the section busy compares: one DataLoader case, then others."""
    names = ["suites/a.py::test_load[0]", *(f"suites/a.py::test_x[{i}]" for i in range(len(ratios) - 1))]
    frame = pd.DataFrame({"case": names, "ratio": ratios, "busy": statuses, "quiet": "ok"})
    frame.loc[0, "quiet"] = quiet
    return frame.assign(alone=1.0, any_pace=1.0, busy_clean=0.5, quiet_clean=1.0)


def judged(frame: pd.DataFrame) -> list[bool]:
    return [bool(claim.passed) for claim in busy.claims(frame) if claim.demanded]


OK = ["ok"] * 19
ONE = [1.0] * 19


def test_busy_holds_where_cases_stay_or_say_that_they_are_noisy() -> None:
    assert judged(table([3.0, *ONE], ["noisy", *OK])) == [True] * 5
    assert judged(table([1.0, 1.09, *ONE[1:]], ["ok", *OK])) == [True] * 5, "one in twenty may be off by 9 %"


@pytest.mark.parametrize(
    ("frame", "fails"),
    [
        (table([1.0, *ONE], ["noisy"] * 5 + ["ok"] * 15), [0]),
        (table([1.0, 1.05, 0.95, *ONE[2:]], ["ok", *OK]), [1]),
        (table([1.0, 0.85, *ONE[1:]], ["ok", *OK]), [2]),
        (table([1.0, *ONE], ["failed", *OK]), [3]),
        (table([1.0, *ONE], ["ok", *OK], quiet="noisy"), [4]),
    ],
)
def test_busy_fails_for_each_demand(frame: pd.DataFrame, fails: list[int]) -> None:
    assert [number for number, passed in enumerate(judged(frame)) if not passed] == fails


def forked_and_fresh(folder: Path, ratio: float, scatter: float) -> pd.DataFrame:
    """What the section forks compares: twenty launches of a case, the first of them fresh on both sides."""
    random = np.random.default_rng(1)
    with Journal.create(folder, Header(run="forks")) as journal:
        journal.append(Case("t.py::test_a", "t", "a"))
        for launch in range(21):
            for side, spread in (("base", 0.005), ("head", 0.005 * scatter)):
                start: Any = "fork" if side == "head" and launch else "fresh"
                journal.append(Launch(launch, "cpu", side, start=start))
                centre_s = 1e-3 * np.exp(random.normal(0, spread)) * (ratio if start == "fork" else 1.0)
                blocks = [Block("wall", 0.0, 10, 10 * float(centre_s), processors=2)] * 5
                journal.append(Visit("t.py::test_a", launch, side=side, blocks=tuple(blocks)))
    return forks.compared(read_run(folder))


@pytest.mark.parametrize(
    ("ratio", "scatter", "holds"),
    [(1.0, 1.0, [True, True]), (1.05, 1.0, [False, True]), (1.0, 2.0, [True, False])],
)
def test_forks_are_held_against_fresh_starts(
    tmp_path: Path, ratio: float, scatter: float, holds: list[bool]
) -> None:
    frame = forked_and_fresh(tmp_path / "run", ratio, scatter)
    assert list(frame["launches"]) == [20], "not the one that is fresh on both sides"
    assert frame["ratio"][0] == pytest.approx(ratio, rel=0.01)
    assert [claim.passed for claim in forks.claims(frame) if claim.demanded] == holds


def runs(folder: Path, slower: float, cases: int = 100) -> dict[str, Run]:
    made = [Made("suite", "work", {"i": i}, 1e-4, disturbed=0) for i in range(cases)]
    slow = [Made("suite", "work", {"i": i}, slower * 1e-4, disturbed=0) for i in range(cases)]
    recorded_runs.write(folder / "first", made, seed=1)
    recorded_runs.write(folder / "second", slow, seed=2)
    return {name: read_run(folder / name) for name in ("first", "second")}


def test_repeated_runs_of_one_truth_agree_and_of_two_do_not(tmp_path: Path) -> None:
    """1 % between launches, five launches a run: the intervals hold 1 for 95 % of 300 cases (± 3 errors)."""
    same = repeat.ratios(runs(tmp_path / "same", 1.0, cases=300))
    held = ((same["low"] <= 1) & (same["high"] >= 1)).mean()
    assert len(same) == 300
    assert 0.91 <= held <= 0.99
    assert repeat._shared(runs(tmp_path / "near", 1.05)).endswith("%, taken out")
    other = repeat.ratios(runs(tmp_path / "other", 1.15))
    assert other["ratio"].median() == pytest.approx(1.15, rel=0.005), "too much for a pace: it stays in"
    assert repeat.claims(other)[0].passed is False


def test_counting_what_others_disturbed_is_noticed(tmp_path: Path) -> None:
    for side, disturbed in (("quiet", 0.0), ("busy", 0.6)):
        made = [Made("suite", "work", {"i": i}, 1e-4, disturbed=disturbed) for i in range(3)]
        recorded_runs.write(tmp_path / side, made, seed=1)
    sides = {side: read_run(tmp_path / side) for side in ("quiet", "busy")}
    kept, counted = mutations.told_of_disturbed(sides)
    assert kept.passed
    assert counted.passed
    assert "3 of 3 cases ok" in counted.read


def test_a_fresh_start_hashes_as_the_fork_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Spec] = []
    monkeypatch.setattr(forks, "Worker", lambda spec, **_: started.append(spec))
    monkeypatch.setattr(Templates, "start", lambda *_: [SimpleNamespace(template=2)])
    forks.HeadForked(5, seed=1).start([Spec(("base",)), Spec(("head",))])
    assert [spec.environment["PYTHONHASHSEED"] for spec in started] == [hash_seed(3)]


def wall_blocks(**columns: list[Any]) -> pd.DataFrame:
    """Three blocks of ours behind a first call, of two calls each."""
    usual = {
        "kind": ["first", "wall", "wall", "wall"],
        "start_s": [9.0, 10.0, 11.0, 12.0],
        "wall_s": [0.5, 0.2, 0.2, 0.2],
        "calls": [1, 2, 2, 2],
        "counted": [False, True, True, True],
    }
    return pd.DataFrame({**usual, **columns})


def test_a_peer_is_met_before_and_behind_each_block() -> None:
    near_s = np.array([0.05, 0.2, 0.05])  # a change of pace between blocks meets both
    assert beside(wall_blocks(), near_s) == pytest.approx(1.0)
    slower = wall_blocks(wall_s=[0.5, 0.2, 0.3, 0.3])
    assert beside(slower, near_s) == pytest.approx(1.5)
    disturbed = wall_blocks(wall_s=[0.5, 0.2, 9.0, 0.2], counted=[False, True, False, True])
    assert beside(disturbed, near_s) == pytest.approx(1.0)
    assert math.isnan(beside(wall_blocks(counted=[False] * 4), near_s))
    stopped = np.array([0.05, 0.2, math.nan])
    assert beside(slower, stopped) == pytest.approx(1.5)


@pytest.mark.parametrize("stopped", [True, False])
def test_a_peer_that_does_not_end_is_stopped_and_leaves_the_fixture_as_new(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """The alarm is raised at a certain call: by the clock, a busy machine would have it at another."""
    monkeypatch.setattr(benchmark, "disabled", False)  # as it is where xdist runs tests side by side
    monkeypatch.setattr(benchmark, "_add_stats", lambda _: None)  # this session's table is not about them
    monkeypatch.setattr(benchmark, "_max_time", 0.0)
    monkeypatch.setattr(beside_us, "TURN_S", 600.0)
    monkeypatch.setattr(beside_us, "relative_width", lambda _: 0.0)
    calls = itertools.count()

    def call() -> None:
        if stopped and next(calls) == 3:
            signal.raise_signal(signal.SIGALRM)

    def blocked_autorange(callback: Callable[[int, float], None]) -> Any:
        callback(1, 1.0)
        if stopped:
            signal.raise_signal(signal.SIGALRM)
        return SimpleNamespace(median=1.0)

    timer = SimpleNamespace(blocked_autorange=blocked_autorange)
    for read in (beside_us._blocked_autorange(timer), beside_us._pytest_benchmark(benchmark, call, (), {})):
        assert math.isinf(read["took_s"]) == math.isnan(read["seconds"]) == stopped
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert (benchmark.stats, benchmark.has_error) == (None, False)
    assert benchmark(int, "1") == 1


def test_a_turn_is_over_when_its_time_is() -> None:
    with pytest.raises(beside_us._StoppedError), beside_us._no_longer_than(0.01):
        all(True for _ in itertools.count())  # for ever


def test_our_moments_leave_out_the_turns_of_a_peer() -> None:
    blocks = wall_blocks(counted=[False, True, False, True])
    moments, series = _series(blocks, np.array([0.3, 0.4, 0.5]))
    assert moments == pytest.approx([1.2, 3.2 - 0.7])
    assert series == pytest.approx([0.1, 0.1])


def test_a_series_is_narrow_from_the_first_moment_that_its_interval_is() -> None:
    moments = [float(n) for n in range(1, 21)]
    steady = np.tile([1.0, 1.01], 10).tolist()
    assert reached(moments, steady, 0.02) == 5.0, "five values are the fewest that are believed"
    assert reached(moments, np.tile([1.0, 2.0], 10).tolist(), 0.02) == math.inf
    assert reached([], [], 0.02) == math.inf


@pytest.mark.parametrize(("ours_s", "passed"), [(0.1, True), (0.4, False), (math.inf, False)])
def test_time_is_demanded_at_two_per_cent_and_told_at_more(ours_s: float, passed: bool) -> None:
    names = [f"{tool}_to_{name}_s" for tool in ("ours", "tub") for name in ("2", "5", "10")]
    quiet = pd.DataFrame({**dict.fromkeys(names, [0.1] * 3), "ours_to_2_s": ours_s, "tub_to_2_s": 0.3})
    assert [claim.passed for claim in _to_width(quiet)] == [passed, None, None]


@pytest.mark.machine
def test_company_computes_only_while_it_is_asked_to() -> None:
    with Company() as company:
        (process,) = (psutil.Process(each.pid) for each in company._processes[:1])

        def used_s() -> float:
            before = sum(process.cpu_times()[:2])
            time.sleep(0.3)
            return float(sum(process.cpu_times()[:2]) - before)

        with company.busy():
            while not used_s():
                pass
        while process.status() != psutil.STATUS_STOPPED:
            pass
        assert used_s() == 0
    assert not process.is_running()


def test_runs_are_told_at_one_pace_as_well(tmp_path: Path) -> None:
    found = runs(tmp_path, 1.4)
    paced = {
        name: replace(run, blocks=run.blocks.assign(pace_s=pace_s))
        for (name, run), pace_s in zip(found.items(), (2e-6, 2.8e-6), strict=True)
    }
    assert repeat.claims(repeat.ratios(paced, paced=True))[0].passed
    assert not repeat.claims(repeat.ratios(paced))[0].passed


def test_the_page_shows_what_does_not_hold(tmp_path: Path) -> None:
    proofs = {
        "cost": Proof((Claim("cost | a", "1.5 ×", "≤ 1.2 ×", False), Claim("cost b", "3 ns"))),
        "absent": Proof((Claim("absent c", "said", "said", True),)),
    }
    for section, proof in proofs.items():
        (tmp_path / section).mkdir()
        render.write_section(tmp_path, section, proof, (0.1, 0.1, 0.1))
    text = render.write_page(tmp_path, SECTIONS).read_text()
    assert "1 of 2 demands hold" in text
    assert r"| cost \| a | 1.5 × | ≤ 1.2 × | **no** |" in text
    assert "| cost b | 3 ns |  |  |" in text
    with (tmp_path / "trust.csv").open() as stream:
        assert [row["holds"] for row in csv.DictReader(stream)] == ["no", "", "yes"]


def test_figures_are_drawn_even_where_nothing_is_known() -> None:
    nothing = pd.DataFrame(columns=["case", "ratio", "low", "high"], dtype=float)
    unknown = pd.DataFrame({"case": ["x"], **dict.fromkeys(TOOLS, math.nan)})
    assert figures.drawn("repeat", {"cases": nothing})
    assert figures.drawn("peers", {"busy": unknown})
    assert figures.drawn("busy", {"cases": table([math.nan, 1.1], ["noisy", "ok"])})
    assert figures.drawn("cost", {}) is None


def test_an_unknown_section_is_an_error_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["buzy"])
    assert ended.value.code == 2
    assert "busy, repeat, coverage, peers" in capsys.readouterr().err


def test_a_cost_is_read_within_each_visit() -> None:
    """The processor runs at half the speed in one of three visits, and from the middle of another on."""
    visited = [
        Visit(
            "trust/cases/test_cost.py::test_bare",
            0,
            extra_info={"timeit_s": timeit_s},
            blocks=(Block("warmup", 0.0, 1, 9.0), *[Block("wall", 0.0, 100, 100 * ours_s)] * 3),
        )
        for timeit_s, ours_s in ((2.0, 2.2), (4.0, 4.4), (2.0, 4.4))
    ]
    visited.append(replace(visited[0], blocks=()))
    (row,) = cost.compared(visited).itertuples(index=False)
    assert (row.case, row.ours, row.timeit_s) == ("test_bare", 4.4, 2.0)
    assert row.ratio == pytest.approx(1.1)


@pytest.mark.parametrize(("reading_s", "passed"), [(74e-6, True), (76e-6, False)])
def test_readings_may_take_a_share_of_a_gate_s_block(reading_s: float, passed: bool) -> None:
    told = cost.claims(pd.DataFrame(), {"all_s": reading_s, "kernel_s": 1e-5}, 1e-3)
    (claim,) = (each for each in told if each.demanded)
    assert claim.passed == passed
    assert claim.read == f"{reading_s / 25e-6:.1f} % of it, {reading_s * 1e6:.0f} µs"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads by /proc")
def test_readings_are_timed_in_a_process_of_just_so_many_threads() -> None:
    found = cost.reading(3)
    assert found["threads"] == 3
    assert found.keys() == {"threads", "all_s", "kernel_s"}
