"""What a fork is held against, and blamed for: decisions, without processes."""

from typing import Any

import pytest

from bench.measure.drive.entry import visit_s
from bench.measure.start import adoption, templates
from bench.measure.start.process import WorkerError
from bench.measure.start.templates import ForkError, Templates
from bench.measure.worker.protocol import Collected
from tests.measure.builders import entry


class Forked:
    """All that is asked of a worker to tell whether a fork is to blame."""

    def __init__(self, template: int | None) -> None:
        self.template = template
        self.killed = False

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize(
    ("template", "outcome", "proven", "forgiven"),
    [
        (0, "timeout", False, True),
        (0, "timeout", True, True),
        (0, "died", False, True),
        (0, "died", True, False),  # the kind runs in forks: it is the case that dies
        (0, "refused", False, False),
        (None, "timeout", False, False),
        (None, "died", False, False),
    ],
)
def test_what_a_fork_is_blamed_for(template: int | None, outcome: Any, proven: bool, forgiven: bool) -> None:
    made, worker = Templates(1, seed=1), Forked(template)
    made._refused.clear()
    workers: Any = [worker]
    if proven:
        made.prove(workers, "cpu")
    with pytest.raises(WorkerError) as raised, made.forgiving(workers, "cpu"):
        raise WorkerError(outcome, "so it went\nand more")
    assert isinstance(raised.value, ForkError) == worker.killed == bool(made.refusal("cpu")) == forgiven
    assert made.refusal("cuda") == "", "other kinds are still forked"


def test_the_first_visit_of_a_kind_in_a_fork_is_a_trial() -> None:
    made, fork, fresh = Templates(1, seed=1), Forked(0), Forked(None)
    forks: Any = [fork]
    others: Any = [fresh]
    assert made.patience_s(forks, "cpu", 900.0) == templates.TRIAL_S
    assert made.patience_s(others, "cpu", 900.0) == 900.0
    made.prove(others, "cpu")
    assert made.patience_s(forks, "cpu", 900.0) == templates.TRIAL_S, "a fresh start proves nothing of forks"
    made.prove(forks, "cpu")
    assert made.patience_s(forks, "cpu", 900.0) == 900.0
    assert made.patience_s(forks, "cuda", 900.0) == templates.TRIAL_S


def test_a_trial_begins_with_the_cheapest_case_that_is_known() -> None:
    made, order = Templates(1, seed=1), [entry(cost_s=cost_s) for cost_s in (3.0, 0.0, 0.5, 1.0)]
    forks: Any = [Forked(0)]
    assert [each.cost.visit_s() for each in made.trial_first(order, visit_s, forks, "cpu")] == [
        0.5,
        3.0,
        0.0,
        1.0,
    ]
    made.prove(forks, "cpu")
    assert made.trial_first(order, visit_s, forks, "cpu") == order
    assert made.trial_first([], visit_s, forks, "cuda") == []


def test_a_fork_that_finds_other_accelerators_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where an import has started the driver: then torch finds no GPU in a fork."""
    monkeypatch.setattr(adoption, "adopts", lambda: True)
    made = Templates(1, seed=1)
    made._first, made._refused = [Collected(facts={"accelerators": ["cuda"]})], {}
    forks: Any = [Forked(0)]
    assert not made.objects(forks, [Collected(facts={"accelerators": ["cuda"]})])
    assert made.refusal("cpu") == ""
    assert made.objects(forks, [Collected(facts={"accelerators": []})])
    assert made.refusal("cpu") == "a fork found the accelerators [], a fresh start ['cuda']"
