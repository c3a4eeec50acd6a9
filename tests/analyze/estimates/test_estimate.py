"""Estimates against closed forms and seeded simulations."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates import doubts
from bench.analyze.estimates.intervals import half_width
from bench.analyze.estimates.roofs import roofs
from bench.events import Checked, Visit
from bench.records import Block, Case, Kind
from bench.storage import store
from bench.storage.journal import Journal
from tests import made_cases
from tests import recorded_runs as recorded
from tests.made_cases import Made


def estimated(tmp_path: Path, *cases: Made, **options: Any) -> pd.DataFrame:
    frame = AnalyzedRun(store.read_run(recorded.write(tmp_path / "run", cases, **options))).cases
    return frame.set_index("operation")


def made(operation: str = "work", seconds: float = 1e-4, **others: Any) -> Made:
    return Made("suite", operation, {}, seconds, **others)


def test_t_interval_is_the_textbooks() -> None:
    """Five values of standard deviation 1: 2.776445 / sqrt(5)."""
    assert half_width(1.0, 5) == pytest.approx(1.241664, rel=1e-6)
    assert np.isnan(half_width(1.0, 1))


def test_interval_covers_the_truth(tmp_path: Path) -> None:
    """400 cases of one true time, 1 % between launches: 95 % of the intervals hold it (± 3 errors)."""
    cases = [Made("suite", "work", {"i": i}, 1e-4, disturbed=0) for i in range(400)]
    frame = estimated(tmp_path, *cases, passes=1, per_visit=3)
    held = ((frame["low_s"] <= 1e-4) & (frame["high_s"] >= 1e-4)).mean()
    assert 0.917 <= held <= 0.983


def test_the_centre_is_the_mean_of_launches_of_visits_medians(tmp_path: Path) -> None:
    """Three launches of three visits: too few of either for a burst to be told, so nothing is left out."""
    frame = estimated(tmp_path, made(disturbed=0), launches=3)
    run = store.read_run(tmp_path / "run")
    wall = run.blocks[run.blocks["kind"] == "wall"]
    visits = np.log(wall["wall_s"] / wall["calls"]).groupby([wall["launch"], wall["pass"]]).median()
    assert frame["median_s"].iat[0] == pytest.approx(np.exp(visits.groupby(level=0).mean().mean()))


def test_what_a_suite_means_otherwise_by_a_name_of_ours_declares_nothing(tmp_path: Path) -> None:
    names = ("flops", "bytes", "items", "counted_flops", "footprint_bytes", "latency_p50_s", "link", "dtype")
    said: list[Any] = ["mine", [1, 2], 10**400, None]
    cases = [made(f"work{i}", extra=dict.fromkeys(names, value)) for i, value in enumerate(said)]
    frame = estimated(tmp_path, *cases, made("declares", extra={"flops": 1e6, "bytes": "1e3"}))
    assert frame["status"].eq("ok").all()
    assert frame.loc["declares", ["flops", "bytes"]].tolist() == [1e6, 1e3]
    assert frame.drop(index="declares")[["flops", "bytes", "items", "latency_p50_s"]].isna().all(axis=None)


def test_disturbed_blocks_do_not_move_the_estimate(tmp_path: Path) -> None:
    quiet = estimated(tmp_path / "quiet", made(disturbed=0))
    busy = estimated(tmp_path / "busy", made(disturbed=0.5))
    assert busy["disturbed_share"].iat[0] == pytest.approx(0.5, abs=0.2)
    assert busy["median_s"].iat[0] == pytest.approx(quiet["median_s"].iat[0], rel=0.02)
    assert busy["status"].iat[0] == "ok"


def test_statuses(tmp_path: Path) -> None:
    frame = estimated(
        tmp_path,
        made("fine"),
        made("noisy", disturbed=1.0),
        made("raises", outcome="failed", message="ValueError: no"),
        made("hangs", outcome="timeout", message="60 s"),
        made("dies", outcome="died", message="signal 9"),
        made("absent", skip="no accelerator"),
        made("slow", seconds=2.0, disturbed=0, first_factor=1),
    )
    expected = {
        "fine": "ok", "noisy": "noisy", "raises": "failed", "hangs": "timeout", "dies": "failed",
        "absent": "skipped", "slow": "ok",
    }  # fmt: skip
    assert frame["status"].to_dict() == expected
    assert frame["reason"]["raises"] == "ValueError: no"
    assert frame["reason"]["absent"] == "no accelerator"
    assert frame.loc["raises":"absent", "median_s"].isna().all()
    assert frame["blocks"]["slow"] == 5
    assert "every block was disturbed" in frame["warnings"]["noisy"]
    assert np.isnan(frame["low_s"]["noisy"])


@pytest.mark.parametrize("passes", [1, 3])
def test_one_launch_has_an_interval_and_it_is_said_whence(tmp_path: Path, passes: int) -> None:
    frame = estimated(tmp_path, made(disturbed=0), launches=1, passes=passes)
    assert "how far launches differ is taken from recorded machines" in frame["warnings"].iat[0]
    assert frame["low_s"].iat[0] < frame["median_s"].iat[0] < frame["high_s"].iat[0]
    assert frame["status"].iat[0] == "ok"


def test_one_launch_beside_cases_with_several_takes_what_launches_differ_by_from_them(tmp_path: Path) -> None:
    cases = [Made("suite", "work", {"i": i}, 1e-4, disturbed=0) for i in range(25)]
    run = store.read_run(recorded.write(tmp_path / "run", cases, launch_noise=0.1))
    blocks = run.blocks[(run.blocks["case"] != cases[0].id) | (run.blocks["launch"] == 0)]
    frame = AnalyzedRun(type(run)(**{**vars(run), "blocks": blocks})).cases
    assert "how far launches differ is taken from the run's other cases" in frame["warnings"].iat[0]
    assert frame["warnings"].iat[1] == ""
    half = np.log(frame["high_s"] / frame["low_s"]) / 2
    assert 0.15 < half.iat[0] < 0.5, "launches differ by 10 %"
    assert half.iloc[1:].median() < 0.6 * half.iat[0], "five launches tell more than one"


def test_a_case_whose_visits_lie_decades_apart_is_not_ok(tmp_path: Path) -> None:
    """As in a test that sleeps for 10 ** random.uniform(-4, -2) seconds, chosen anew in each set-up."""
    random = np.random.default_rng(4)
    with Journal.create(tmp_path / "run", recorded.header()) as journal:
        journal.append(Case("wide", "s", "wide"))
        for launch in range(2):
            for number in range(2):
                seconds = 10 ** random.uniform(-4, -2)
                blocks = tuple(Block("wall", 0.0, 1, seconds * (1 + 0.01 * i), delay_s=0.0) for i in range(3))
                journal.append(Visit("wide", launch, number, blocks=blocks))
    row = AnalyzedRun(store.read_run(tmp_path / "run")).cases.iloc[0]
    assert (row["status"], row["confidence"]) == ("noisy", "unsettled")
    assert "its slowest visit took" in row["warnings"]


def test_confidence_of_cases(tmp_path: Path) -> None:
    frame = estimated(
        tmp_path,
        made("quiet", disturbed=0),
        made("disturbed", disturbed=1.0),
        made("absent", skip="no accelerator"),
    )
    assert frame["confidence"].to_dict() == {"quiet": "solid", "disturbed": "unsettled", "absent": ""}


def test_launches_that_disagree_are_told(tmp_path: Path) -> None:
    """Two groups 20 % apart warn; launches that merely vary by as much as they are apart do not."""
    folder = recorded.write(tmp_path / "run", [made(disturbed=0)], launch_noise=0.002)
    run = store.read_run(folder)
    apart = run.blocks["launch"].isin([1, 3])
    split = run.blocks.assign(wall_s=run.blocks["wall_s"] * np.where(apart, 1.2, 1.0))
    warnings = AnalyzedRun(type(run)(**{**vars(run), "blocks": split})).cases["warnings"].iat[0]
    assert "launches disagree: two groups +" in warnings
    assert "disagree" not in AnalyzedRun(run).cases["warnings"].iat[0]
    spread = run.blocks.assign(wall_s=run.blocks["wall_s"] * 1.05 ** run.blocks["launch"])
    assert (
        "disagree" not in AnalyzedRun(type(run)(**{**vars(run), "blocks": spread})).cases["warnings"].iat[0]
    )


def test_drift_is_told(tmp_path: Path) -> None:
    run = store.read_run(recorded.write(tmp_path / "run", [made(disturbed=0)], passes=6))
    assert "drifts" not in AnalyzedRun(run).cases["warnings"].iat[0]
    rise = run.blocks.groupby("launch").cumcount() / 24
    drifting = run.blocks.assign(wall_s=run.blocks["wall_s"] * (1 + 0.2 * rise))
    assert (
        "drifts by +" in AnalyzedRun(type(run)(**{**vars(run), "blocks": drifting})).cases["warnings"].iat[0]
    )


def test_a_failed_self_check_marks_the_device(tmp_path: Path) -> None:
    run = store.read_run(recorded.write(tmp_path / "run", [made(device="cuda"), made("other")]))
    check = Checked("cuda", "events_match_wall", passed=False)
    frame = AnalyzedRun(type(run)(**{**vars(run), "checks": (check,)})).cases.set_index("operation")
    assert "untrusted: events_match_wall" in frame["warnings"]["work"]
    assert frame["warnings"]["other"] == ""


def test_columns_of_the_contract(tmp_path: Path) -> None:
    frame = estimated(tmp_path, *made_cases.course()).reset_index()
    expected = (
        "median_s low_s high_s latency_s device_s host_s cold_s first_s blocks clean_blocks launches "
        "disturbed_share flops bytes items flops_per_s bytes_per_s items_per_s ceiling_share bound "
        "peak_memory_bytes kept_bytes status confidence warnings run machine"
    )
    names = list(frame.columns)
    start = names.index("median_s")
    assert names[start : start + 27] == expected.split()
    assert frame["n"].dtype == "Int64"
    assert set(frame["status"]) <= {"ok", "noisy", "skipped", "failed", "timeout"}


def test_parameters_of_mixed_types_become_text_and_clashes_are_renamed(tmp_path: Path) -> None:
    cases = [Made("s", "w", {"bytes": 1, "mixed": 1}, 1e-4), Made("s", "w", {"bytes": 2, "mixed": "a"}, 1e-4)]
    frame = estimated(tmp_path, *cases)
    assert frame["param_bytes"].tolist() == [1, 2]
    assert frame["mixed"].tolist() == ["1", "a"]


def test_rates_shares_and_bounds(tmp_path: Path) -> None:
    flops = {"flops": 7e10 * 1e-3 / 2, "bytes": 100}
    moved = {"flops": 10, "bytes": 2.5e10 * 1e-3}
    link = {"bytes": 2.5e7, "link": "to_device"}
    frame = estimated(
        tmp_path,
        made("computes", 1e-3, extra=flops, disturbed=0),
        made("moves", 1e-3, extra=moved, disturbed=0),
        made("launches", 1e-6, disturbed=0),
        made("crosses", 2e-3, device="cuda", extra=link, disturbed=0),
        made("idles", 1e-3, device="cuda", extra={"bytes": 100}, disturbed=0),
        made("unknown", 1e-3, disturbed=0),
        launch_noise=0,
    )
    bounds = {"computes": "compute", "moves": "memory", "launches": "launch", "crosses": "transfer"}
    assert frame["bound"].to_dict() == {**bounds, "idles": "host", "unknown": ""}
    assert frame["ceiling_share"]["computes"] == pytest.approx(0.5, rel=0.01)
    assert frame["ceiling_share"]["moves"] == pytest.approx(1, rel=0.01)
    assert frame["ceiling_share"]["crosses"] == pytest.approx(1e-3 / 2e-3, rel=0.01)
    assert frame["flops_per_s"]["computes"] == pytest.approx(3.5e10, rel=0.01)


def test_memory_is_that_which_holds_what_a_call_moves() -> None:
    ceilings = {
        "copy_bytes_per_s": {"L1": 5e10, "L2": 9e10, "memory": 2e10},
        "level_bytes": {"L1": 2**16, "L2": 2**20},
    }

    def bandwidth(size: int) -> float:
        (roof,) = roofs(0, size, {}, ceilings)
        return size / roof.seconds

    assert bandwidth(2**16) == pytest.approx(9e10), "the nearest memory is never slower than one behind it"
    assert bandwidth(2**20) == pytest.approx(9e10)
    assert bandwidth(2**20 + 1) == pytest.approx(2e10)
    del ceilings["level_bytes"]
    assert bandwidth(10) == pytest.approx(2e10), "of an older run no sizes are known"


def test_no_rate_is_above_its_ceiling_without_a_warning(tmp_path: Path) -> None:
    frame = estimated(
        tmp_path,
        made("possible", 1e-3, extra={"flops": 7e10 * 1e-3}, disturbed=0),
        made("impossible", 1e-3, extra={"flops": 2 * 7e10 * 1e-3}, disturbed=0),
        launch_noise=0,
    )
    assert frame["ceiling_share"]["impossible"] == pytest.approx(2, rel=0.01)
    assert "above the float32 compute ceiling, which was not raised" in frame["warnings"]["impossible"]
    assert "ceiling" not in frame["warnings"]["possible"]


def test_what_is_faster_than_a_launch_launches_nothing(tmp_path: Path) -> None:
    """Launching takes 0.5 µs here; sharing an array's memory took 0.1 µs."""
    frame = estimated(tmp_path, made("shares", 1e-7, disturbed=0), launch_noise=0)
    assert frame["bound"]["shares"] == ""
    assert np.isnan(frame["ceiling_share"]["shares"])


@pytest.mark.parametrize(("declared", "warned"), [(1000, False), (1040, False), (1100, True), (500, True)])
def test_declared_flops_are_held_against_those_that_torch_counts(
    tmp_path: Path, declared: int, warned: bool
) -> None:
    frame = estimated(tmp_path, made(extra={"flops": declared, "counted_flops": 1000}))
    assert ("where torch counts 1e+03" in frame["warnings"]["work"]) is warned


def warming(first: float, launches: int = 5) -> pd.DataFrame:
    """Launches of six blocks of 1 ms, the first of each `first` times as long in so many of them."""
    launch, block = (each.ravel() for each in np.meshgrid(np.arange(5), np.arange(6), indexing="ij"))
    seconds = np.where((block == 0) & (launch < launches), first * 1e-3, 1e-3)
    return doubts._warming(pd.DataFrame({"row": 0, "launch": launch, "wall_s": seconds, "calls": 1}))


def test_a_warm_up_that_ended_too_early_shows() -> None:
    assert warming(1.2) == {0: pytest.approx(np.log(1.2))}
    assert warming(1.2, launches=3) == {0: pytest.approx(np.log(1.2))}
    assert warming(1.2, launches=2) == {}, "two of five first blocks may be slow by chance"
    assert warming(1.04) == {}


def test_steady_series_with_noise_are_not_taken_for_warming_up() -> None:
    """Blocks vary by 2 %: hardly ever are most first blocks 5 % above their launch's median."""
    random = np.random.default_rng(3)
    launch, _ = np.meshgrid(np.arange(5 * 300), np.arange(8), indexing="ij")
    seconds = 1e-3 * np.exp(random.normal(0, 0.02, launch.size))
    row, launch = np.divmod(launch.ravel(), 5)
    frame = pd.DataFrame({"row": row, "launch": launch, "wall_s": seconds, "calls": 1})
    assert len(doubts._warming(frame)) == 0


def test_first_call_warm_up_and_steady_state_are_three_numbers(tmp_path: Path) -> None:
    """A launch: 1 s at first, 0.3 s of warm-up, then 10 ms; later visits begin with one more call."""
    passes: list[list[tuple[Kind, float]]] = [
        [("first", 1.0), ("warmup", 0.2), ("warmup", 0.1), ("wall", 0.01)],
        [("warmup", 5.0), ("wall", 0.01)],
    ]
    with Journal.create(tmp_path / "run", recorded.header()) as journal:
        journal.append(Case("c", "s", "c"))
        for launch in range(3):
            for number, kinds in enumerate(passes):
                blocks = tuple(Block(kind, 0.0, 1, seconds, delay_s=0.0) for kind, seconds in kinds)
                journal.append(Visit("c", launch, number, blocks=blocks))
    row = AnalyzedRun(store.read_run(tmp_path / "run")).cases.iloc[0]
    assert (row["first_s"], row["warmup_s"]) == (1.0, pytest.approx(0.3))
    assert row["median_s"] == pytest.approx(0.01)
