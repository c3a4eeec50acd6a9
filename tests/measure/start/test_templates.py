"""Templates, with real processes: what is forked and what is not, and that failures of forks cost nothing."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.events import Launch, Visit
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.plan import Plan, Progress
from bench.measure.start import adoption, templates
from tests import waiting
from tests.measure.builders import FAST, Events, events_of, outcomes
from tests.measure.forked_suite import HEAVY, spec_of

pytestmark = pytest.mark.skipif(not adoption.adopts(), reason="forks are for Linux")


def starts(events: Events) -> list[tuple[str, int | None, str]]:
    return [(each.start, each.template, each.start_reason) for each in events if isinstance(each, Launch)]


def facts(events: Events) -> list[dict[str, Any]]:
    """What each launch's first visit said of its process."""
    return [dict(each.extra_info) for each in events if isinstance(each, Visit) and not each.pass_]


def test_all_launches_but_the_first_are_forks_of_templates_that_take_turns(tmp_path: Path) -> None:
    events = events_of(spec_of(tmp_path), launches=5, preset=replace(FAST, templates=3))
    assert starts(events) == [
        ("fresh", None, templates.FIRST),
        *(("fork", number, "") for number in (0, 1, 2, 0)),
    ]
    first, *forks = facts(events)
    assert first["heavy"] == first["process"]
    assert first["hash"] != forks[0]["hash"]
    assert len({fork["heavy"] for fork in forks}) == 3, "each template has imported it once"
    assert forks[0]["heavy"] == forks[3]["heavy"]
    assert [fork["seed"] for fork in forks] == ["1", "2", "3", "1"]
    assert len({fork["hash"] for fork in forks}) == 3
    assert forks[0]["hash"] == forks[3]["hash"]
    for each in (first, *forks):
        assert each["parent"] == os.getpid(), "the coordinator adopts them"
        assert each["session"] == each["process"]
        assert each["directory"] == str(tmp_path / "project")
    assert {fork["argv"] for fork in forks} == {first["argv"]}
    assert len({each["random"] for each in (first, *forks)}) == 5
    assert len({each["process"] for each in (first, *forks)}) == 5


def test_a_fork_draws_other_random_numbers_than_the_next(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = (
        "import numpy.random, random, torch\ndef test_it(benchmark):\n    benchmark(len, ())\n"
        "    benchmark.extra_info.update(numpy=numpy.random.random(), random=random.random(),"
        " torch=torch.rand(1).item())\n"
    )
    spec = replace(spec_of(tmp_path, text), arguments=("-pno:randomly",))  # a plugin that seeds every test
    drawn = facts(events_of(spec, launches=3))  # the last two are forks of one template
    for library in ("numpy", "random", "torch"):
        assert len({each[library] for each in drawn}) == 3, library


def test_sizes_that_are_added_reach_forks(tmp_path: Path) -> None:
    text = (
        "import pytest\n@pytest.mark.crossover(axis='n', between='way')\n"
        "@pytest.mark.parametrize('n', [1, 9])\n@pytest.mark.parametrize('way', ['a', 'b'])\n"
        "def test_it(benchmark, n, way):\n    benchmark(len, ())\n"
    )
    events: Events = []
    coordinator = Coordinator(Plan(spec_of(tmp_path, text), FAST, 2, ceilings=False), Progress())
    try:
        coordinator.collect()
        coordinator.measure(events.append, lambda: {"test_it.py::test_it": {"n": [4]}})
    finally:
        coordinator.close()
    assert [start for start, _, _ in starts(events)].count("fork") >= 2
    assert outcomes(events)["test_it[a-4]"] == "passed"


OWN_CODE = f"import importlib\nimportlib.import_module('helper')\n{HEAVY}"


def test_nothing_is_forked_from_what_has_loaded_the_project(tmp_path: Path) -> None:
    """An installed module that imports the project's: a launch would time code of before an edit."""
    spec = spec_of(tmp_path, heavy=OWN_CODE)
    (tmp_path / "project" / "helper.py").write_text("")
    path = os.pathsep.join([spec.environment["PYTHONPATH"], str(tmp_path / "project")])
    events = events_of(spec.with_environment(PYTHONPATH=path))
    (_, _, reason), *others = starts(events)[1:]
    assert "loads 'helper' from" in reason
    assert str(tmp_path) not in reason
    assert set(others) == {("fresh", None, reason)}
    assert outcomes(events) == {"test_it": "passed"}


COMPUTES = "import os, torch\nPROCESS = os.getpid()\ntorch.ones(512, 512) @ torch.ones(512, 512)\n"


def test_a_product_computed_by_an_import_makes_all_starts_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libgomp then waits, in a fork, for threads that are not there."""
    pytest.importorskip("torch")
    monkeypatch.setattr(templates, "TRIAL_S", 1.0)  # of a trial that never ends
    text = (
        "import torch, heavy\ndef test_it(benchmark):\n"
        "    benchmark(torch.mm, torch.ones(512, 512), torch.ones(512, 512))\n"
    )
    events = events_of(spec_of(tmp_path, text, COMPUTES, OMP_NUM_THREADS="2"), launches=2)
    assert outcomes(events) == {"test_it": "passed"}
    reason = starts(events)[1][2]
    assert reason == "a product did not end in a fork within 1 s: an import has computed"


FAILS = """
import os
import heavy
{at_import}

def test_it(benchmark):
    {in_a_fork}
    benchmark(len, ())
"""
IN_A_FORK = "heavy.PROCESS != os.getpid() and "


@pytest.mark.parametrize("failure", ["hangs", "os.kill(os.getpid(), 11)"])
def test_a_visit_that_only_a_fork_fails_at_is_made_by_a_fresh_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    hang = waiting.skip_hangs(monkeypatch, tmp_path)
    text = FAILS.format(at_import="", in_a_fork=IN_A_FORK + (hang if failure == "hangs" else failure))
    events = events_of(spec_of(tmp_path, text))
    assert {each.outcome for each in events if isinstance(each, Visit)} == {"passed"}
    assert [start for start, _, _ in starts(events)] == ["fresh", "fork", "fresh", "fresh"]
    assert starts(events)[-1][2].startswith("a fork failed at a case: ")
    visited = {each.launch for each in events if isinstance(each, Visit)}
    assert len(visited) == 3, "as many launches as were asked for have visited it"


@pytest.mark.parametrize("failure", ["hangs", "os._exit(3)"])
def test_a_collection_that_only_a_fork_fails_at_is_made_by_a_fresh_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    hang = waiting.skip_hangs(monkeypatch, tmp_path)
    at_import = IN_A_FORK + (hang if failure == "hangs" else failure)
    events = events_of(spec_of(tmp_path, FAILS.format(at_import=at_import, in_a_fork="")))
    assert outcomes(events) == {"test_it": "passed"}
    reason = "a fork did not collect what a fresh start did"
    assert starts(events) == [("fresh", None, templates.FIRST), *[("fresh", None, reason)] * 2]


def test_a_template_that_cannot_be_made_makes_all_starts_fresh(tmp_path: Path) -> None:
    heavy = f"import os, sys\nif len(sys.argv) == 1:\n    os.kill(os.getpid(), 9)\n{HEAVY}"
    events = events_of(spec_of(tmp_path, heavy=heavy))
    assert {start for start, _, _ in starts(events)} == {"fresh"}
    assert {reason for _, _, reason in starts(events)[1:]} == {"a template ended (SIGKILL)"}
    assert outcomes(events) == {"test_it": "passed"}


def test_what_cannot_be_imported_is_left_to_launches(tmp_path: Path) -> None:
    heavy = f"import sys\nif len(sys.argv) == 1:\n    raise SystemExit('not in a template')\n{HEAVY}"
    events = events_of(spec_of(tmp_path, heavy=heavy))
    assert [start for start, _, _ in starts(events)] == ["fresh", "fork", "fork"]
    assert all(fact["heavy"] == fact["process"] for fact in facts(events)), "each has imported it by itself"


def test_a_system_without_adoption_starts_all_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "adopts", lambda: False)
    assert {reason for _, _, reason in starts(events_of(spec_of(tmp_path)))[1:]} == {templates.NO_ADOPTION}


def test_plugins_of_pytest_raise_no_warning_in_a_fork(tmp_path: Path) -> None:
    """pytest warns of a plugin that is there before it could be rewritten, and warnings are errors here."""
    spec = spec_of(tmp_path, heavy=f"import plug\n{HEAVY}")
    (tmp_path / "lib" / "site-packages" / "plug.py").write_text("KNOWN = []\n")
    (tmp_path / "project" / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "project" / "conftest.py").write_text("pytest_plugins = ['plug']\n")
    events = events_of(spec)
    assert outcomes(events) == {"test_it": "passed"}
    assert [start for start, _, _ in starts(events)] == ["fresh", "fork", "fork"]
