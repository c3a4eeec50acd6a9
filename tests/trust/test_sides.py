"""The sides of a proof: the same cases in the same workers, block by block or visit by visit."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bench.measure.drive.entry import BLOCK_S, Timing
from bench.measure.host.interference import RECENT_S
from bench.measure.start.process import Spec
from trust import recorded, sides


@contextmanager
def noted(entered: list[str], name: str) -> Iterator[None]:
    """Circumstances that say when they begin and end."""
    entered.append(name)
    yield
    entered.append("out")


def two_cases(folder: Path) -> sides.Plan:
    """Two short visits of two cases that say which process they ran in."""
    (folder / "test_it.py").write_text(
        "import os\nimport pytest\n\n@pytest.mark.parametrize('i', range(2))\ndef test_it(benchmark, i):\n"
        "    benchmark.extra_info['process'] = os.getpid()\n    benchmark(sum, [1])\n"
    )
    spec = Spec((str(folder / "test_it.py"),), directory=folder, rootdir=folder)
    return sides.Plan(spec, launches=2, seconds=0.0, most_passes=1, blocks=4)


def processes_of(folder: Path, side: str) -> list[int]:
    return [visit.extra_info["process"] for visit in recorded.visits(folder, side)]


def test_each_side_is_a_run_of_its_own_whose_visits_follow_the_other_s(tmp_path: Path) -> None:
    entered: list[str] = []
    both = [sides.Side(name, partial(noted, entered, name)) for name in ("quiet", "busy")]
    found = sides.together(tmp_path / "out", two_cases(tmp_path), both)
    assert entered[::2] == ["quiet", "busy", "busy", "quiet", "busy", "quiet", "quiet", "busy"]
    assert entered[1::2] == ["out"] * 8
    processes = processes_of(tmp_path / "out", "quiet")
    assert processes == processes_of(tmp_path / "out", "busy")
    assert len(set(processes)) == 2
    assert recorded.by_side(recorded.estimates(found), "median_s").notna().all(axis=None)


def test_a_lost_worker_costs_the_rest_of_its_launch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, once = two_cases(tmp_path), tmp_path / "once"
    file = tmp_path / "test_it.py"
    lost = f"    import pathlib\n    once = pathlib.Path({str(once)!r})\n" + (
        "    if i and not once.exists():\n        once.touch()\n        os._exit(3)\n"
    )
    file.write_text(file.read_text().replace("    benchmark.extra_info", lost + "    benchmark.extra_info"))
    found = sides.together(tmp_path / "out", plan, [sides.Side("quiet")])
    assert "launch 1/2 is cut: " in capsys.readouterr().err
    assert recorded.estimates(found)["median_s"].notna().all()


def test_interleaved_sides_share_each_visit_block_by_block(tmp_path: Path) -> None:
    entered: list[str] = []
    both = [sides.Side(name, partial(noted, entered, name)) for name in ("quiet", "busy")]
    found = sides.interleaved(tmp_path / "out", two_cases(tmp_path), both)
    assert entered[1::2] == ["out"] * (len(entered) // 2)
    assert processes_of(tmp_path / "out", "quiet") == processes_of(tmp_path / "out", "busy")
    blocks = pd.concat([run.blocks.assign(side=side) for side, run in found.items()])
    wall = blocks[blocks["kind"] == "wall"].sort_values("start_s")
    for _, visit in wall.groupby(["case", "launch"], observed=True):
        assert list(visit["side"]) == ["quiet", "busy", "busy", "quiet"] * 2
    assert set(blocks.loc[blocks["kind"] != "wall", "side"]) == {"quiet"}
    clean = {"delay_s": 0.0, "throttled_s": 0.0, "pace_s": math.nan}
    still = {side: replace(run, blocks=run.blocks.assign(**clean)) for side, run in found.items()}
    doubled = replace(
        still["busy"], blocks=still["busy"].blocks.assign(wall_s=lambda all_: 2 * all_["wall_s"])
    )
    assert (recorded.changes({**still, "busy": doubled}) / recorded.changes(still)).tolist() == pytest.approx(
        [2, 2]
    )


def paced(found: recorded.Runs, busy_paces_s: list[float]) -> recorded.Runs:
    """Runs of which every block takes 1 µs at a pace of 1 µs, and longer at a slower one."""
    runs = {}
    for side, run in found.items():
        paces_s = np.resize(busy_paces_s if side == "busy" else [1e-6], len(run.blocks))
        clean = {"delay_s": 0.0, "throttled_s": 0.0, "pace_s": paces_s}
        runs[side] = replace(run, blocks=run.blocks.assign(**clean, wall_s=run.blocks["calls"] * paces_s))
    return runs


def test_interleaved_pairs_count_at_the_same_pace_where_there_are_enough(tmp_path: Path) -> None:
    both = [sides.Side(name) for name in ("quiet", "busy")]
    found = sides.interleaved(tmp_path / "out", two_cases(tmp_path), both)
    seldom = paced(found, [1e-6, 1e-6, 2e-6])
    assert recorded.changes(seldom).tolist() == [1.0, 1.0]
    assert all(change > 1.05 for change in recorded.changes(seldom, at_any_pace=True))
    assert recorded.changes(paced(found, [2e-6])).tolist() == [2.0, 2.0], "there is no other pair"


def test_a_side_s_first_block_reads_nothing_of_the_other_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests_s: list[float] = []
    monkeypatch.setattr(sides, "time", SimpleNamespace(sleep=rests_s.append, monotonic=time.monotonic))
    both = [sides.Side(name) for name in ("quiet", "busy")]
    plan = two_cases(tmp_path)
    sides.interleaved(tmp_path / "out", plan, both)
    changes_of_side = 4  # in each visit, of eight blocks in the order ABBA
    assert rests_s == [RECENT_S] * (changes_of_side * plan.launches * 2)


@pytest.mark.parametrize(("call_s", "pairs"), [(0.0, 1), (1e-3, 40), (0.05, 8), (0.3, 4), (0.6, 1)])
def test_a_visit_has_many_pairs_but_of_long_blocks(call_s: float, pairs: int) -> None:
    timing = Timing(call_s=call_s, calls=max(1, round(BLOCK_S / call_s))) if call_s else Timing()
    assert sides.pairs_in_visit(sides.Plan(Spec(()), pairs_s=0.4), timing) == pairs


def test_a_selection_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(benchmark): benchmark(sum, [1])\n")
    spec = Spec((str(tmp_path),), "test_other", directory=tmp_path, rootdir=tmp_path)
    with pytest.raises(LookupError, match="no case matches 'test_other'"):
        sides.together(tmp_path / "out", sides.Plan(spec), [sides.Side("quiet")])
