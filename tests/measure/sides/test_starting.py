"""Pairs that are forked: on both sides or on none, hashing alike, each with its own side's code."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.events import Event, Launch, Visit
from bench.measure.drive.plan import Progress
from bench.measure.sides import lockstep as lockstep_module
from bench.measure.sides.lockstep import Lockstep
from bench.measure.sides.matching import match
from bench.measure.sides.pair import Pair
from bench.measure.sides.side import Side
from bench.measure.sides.starting import Starting, check
from bench.measure.start import adoption, templates
from bench.measure.start.templates import Templates
from bench.measure.worker.protocol import Done, VisitCase
from tests import waiting
from tests.measure.builders import sides
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(not adoption.adopts(), reason="forks are for Linux")

TEXT = """
import os, sys
import heavy, ours

def test_it(benchmark):
    benchmark(int)
    benchmark.extra_info.update(
        ours=ours.SIDE, hash=hash("a"), process=os.getpid(), heavy=heavy.PROCESS, slowed=os.getenv("{slowed}")
    )
"""


def both(tmp_path: Path, text: str = TEXT.replace("{slowed}", "BENCH_TWICE_EVERY")) -> list[Side]:
    """Two sides, each with a module `ours`, and with `heavy`, which is installed for both."""
    packages = tmp_path / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "heavy.py").write_text("import os\nPROCESS = os.getpid()\n")
    made = []
    for side in sides(tmp_path, text, text):
        (side.tree / "ours.py").write_text(f"SIDE = {side.name!r}\n")
        path = os.pathsep.join([str(side.tree), str(packages), os.environ.get("PYTHONPATH", "")])
        made.append(replace(side, spec=side.spec.with_environment(PYTHONPATH=path)))
    return made


def told(pair: Pair) -> list[dict[str, Any]]:
    """What a visit says of each side's process."""
    said = []
    for worker in pair.workers:
        worker.ask(VisitCase("test_it.py::test_it"), PATIENCE_S)
        said.append(dict(worker.ask(Done(), PATIENCE_S).extra_info))
    return said


def test_both_sides_are_forked_hash_alike_and_run_their_own_code(tmp_path: Path) -> None:
    starting = Starting(both(tmp_path), Templates(2, seed=7), seed=7)
    hashes = []
    try:
        for launch, slowdown in enumerate((0.0, 0.0, 0.5, 0.0)):
            pair, _ = starting.start("cpu", slowdown)
            with pair:
                base, head = told(pair)
                check(pair)
            numbers = {worker.template for worker in pair.workers}
            assert numbers == ({None} if launch == 0 else {(launch - 1) % 2})
            assert base["hash"] == head["hash"]
            assert (base["ours"], head["ours"]) == ("base", "head")
            assert len({base["heavy"], head["heavy"]}) == 2, "a template a side"
            assert (base["heavy"] == base["process"]) == (launch == 0)
            assert (base["slowed"] == head["slowed"]) == (slowdown == 0)
            hashes.append(base["hash"])
    finally:
        starting.templates.close()
    assert hashes[1] == hashes[3] != hashes[2]


def test_a_pair_that_is_to_start_fresh_does_and_says_why(tmp_path: Path) -> None:
    starting = Starting(both(tmp_path), Templates(1, seed=7), seed=7)
    starts = []
    try:
        for fresh in ("", "", "to confirm", ""):
            pair, _ = starting.start("cpu", fresh=fresh)
            with pair:
                starts.append({(worker.template, worker.start_reason) for worker in pair.workers})
    finally:
        starting.templates.close()
    assert starts == [{(None, templates.FIRST)}, {(0, "")}, {(None, "to confirm")}, {(0, "")}]


@pytest.mark.parametrize("at", ["import", "visit"])
def test_a_fork_that_fails_on_one_side_makes_both_start_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    hang = waiting.skip_hangs(monkeypatch, tmp_path)
    hangs = f"ours.SIDE == 'head' and heavy.PROCESS != os.getpid() and {hang}\n"
    where, inside = (hangs, "") if at == "import" else ("", f"    {hangs}")
    text = f"import os\nimport heavy, ours\n{where}\ndef test_it(benchmark):\n{inside}    benchmark(int)\n"
    events: list[Event] = []
    lockstep = Lockstep(both(tmp_path, text), Progress(), with_controls=False, templates=Templates(1, seed=1))
    try:
        collected, (base, head) = lockstep.collect()
        lockstep.add_cases(match(base, head, {}, []), collected, events.append)
        for number in range(2):
            lockstep.measure_launch(number, lockstep.cases)
    finally:
        lockstep.close()
    launches = [event for event in events if isinstance(event, Launch)]
    starts = [launch.start for launch in launches if launch.side == "head"]
    assert starts == (["fresh", "fresh"] if at == "import" else ["fresh", "fork", "fresh"])
    assert "a fork" in launches[-1].start_reason
    visits = [event for event in events if isinstance(event, Visit)]
    assert {visit.outcome for visit in visits} == {"passed"}
    assert {(visit.launch, visit.side) for visit in visits} == {
        (launch, side) for launch in (0, 1) for side in ("base", "head")
    }


def test_imports_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a start takes, templates included, on a clock that moves in starts alone."""
    now_s = [0.0]
    monkeypatch.setattr(lockstep_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    lockstep = Lockstep(both(tmp_path), Progress(), with_controls=False, templates=Templates(1, seed=1))
    start = lockstep._starting.start

    def timed(*arguments: Any) -> Any:
        now_s[0] += 5.0
        return start(*arguments)

    monkeypatch.setattr(lockstep._starting, "start", timed)
    try:
        collected, (base, head) = lockstep.collect()
        lockstep.add_cases(match(base, head, {}, []), collected, lambda _: None)
        for number in range(2):
            lockstep.measure_launch(number, lockstep.cases)
    finally:
        lockstep.close()
    assert lockstep.ledger.spent_s["imports"] == now_s[0] == 10.0, "the first pair waits for its launch"


def test_sides_hash_alike_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, seed in (("random", "7"), ("", "7"), ("3", "3")):
        monkeypatch.setenv("PYTHONHASHSEED", given)
        assert templates.hash_seed(7) == seed
