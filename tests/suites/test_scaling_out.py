"""An epoch by several processes: one that fails is told in a line, and no process is left."""

from pathlib import Path

import psutil
import pytest

pytest.importorskip("torch")

from suites.operations import test_81_scaling_out as scaling_out
from tests.waiting import PATIENCE_S

BROKEN = """
import os, sys, time
from pathlib import Path

Path(__file__).with_name(os.environ["RANK"]).write_text(str(os.getpid()))
if os.environ["RANK"] == "1":
    while not Path(__file__).with_name("0").exists():
        time.sleep(0.01)
    raise ValueError("the second rank fails")
time.sleep(600)
"""


def test_a_rank_that_dies_is_told_in_a_line_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(BROKEN)
    monkeypatch.setattr(scaling_out, "RANKS", script)
    monkeypatch.setattr(scaling_out, "TIMEOUT_S", PATIENCE_S)
    with pytest.raises(
        pytest.fail.Exception, match=r"2 ranks ended with status 1: .*second rank fails"
    ) as told:
        scaling_out.epoch("cpu", 2, 64)
    assert "\n" not in str(told.value)
    assert not any(psutil.pid_exists(int((tmp_path / rank).read_text())) for rank in ("0", "1"))


def test_ranks_that_do_not_end_are_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_out, "TIMEOUT_S", 0.01)
    with pytest.raises(pytest.fail.Exception, match=r"2 ranks have not ended within 0\.01 s"):
        scaling_out.epoch("cpu", 2, 64)
