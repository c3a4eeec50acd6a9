"""Crossovers of real runs on the simulated accelerator, against closed forms: is the truth in the interval?

A run of real worker processes in virtual time for each of NOISES, sizes added where it finds them wanting.
TRIALS contests have seeded noise of 1 % between launches, and more between visits; in three others, without
noise, nothing, the inputs or the result as well is moved. `BENCH_TRIALS` sets how many trials: `nox -s
crossovers` runs 200; `BENCH_SEED` has other crossings and other noise drawn. Their intervals are held against
an oracle's, who knows the true form of the ratio and the noise of every visit.
"""

import math
import os
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bench.analyze.blocks.clean import marked_blocks
from bench.analyze.contests import refine
from bench.analyze.contests.contests import Choice, Contest, choices
from bench.analyze.contests.contests import contests as contests_of
from bench.analyze.contests.order import disorders
from bench.events import Header, Launch, SizesAdded
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.plan import Plan, Preset, Progress
from bench.measure.start.process import Spec
from bench.storage.journal import Journal, events
from bench.storage.store import read_run
from bench.storage.tables import Run

pytest.importorskip("torch")

TRIALS = int(os.environ.get("BENCH_TRIALS", "10"))
SEED = int(os.environ.get("BENCH_SEED", "4"))
LAUNCHES = 5
NOISES = (0.01, 0.05, 0.15) if TRIALS >= 100 else (0.01,)
"""Standard deviations between visits; few trials tell little of each, and one of them does for the code."""

OF_LAUNCHES = 0.01
SIZES = [64, 512, 4096, 32768, 262144]
A = 1.0
"""Seconds an element on the processor. Calls take minutes, so that each is a block of its own, quick to
simulate, and nothing that the machine under the test does takes a hundredth of it."""

Array = NDArray[np.float64]

Contests = Mapping[tuple[str, str], Contest]

PATIENT = Preset("default", LAUNCHES, math.inf, 100.0, math.inf, 60.0, refining_s=1.0)

SUITE = f"""
import os
import random
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch
from simulated_accelerator import timeline

@cache
def launch_of(device):  # counted by device: workers of several kinds start together, of one after each other
    counter = Path(os.environ["LAUNCH_COUNTER"] + device)
    number = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(number + 1))
    return number

SIZES = pytest.mark.parametrize("n", {SIZES})
BY_DEVICE = pytest.mark.crossover(axis="n", between="device")

@BY_DEVICE
@SIZES
def test_zero(benchmark, device, n):
    if device == "cpu":
        benchmark(timeline.charge, {A} * n)
    else:
        benchmark(torch.empty(n, device=device).zero_)

@pytest.mark.accelerator
@BY_DEVICE
@SIZES
@pytest.mark.parametrize("trip", ["inputs pageable", "round_trip pageable"])
def test_zero_moved(benchmark, device, trip, n):
    here = torch.empty(n)
    benchmark.extra_info["resident"] = "zero"

    def call():  # returns nothing: a result that is kept would have the next one allocated
        there = here.to(device).zero_()
        if trip == "round_trip pageable":
            there.cpu()

    benchmark(call)

visits = Counter()

def work(benchmark, device, n, trial, truth, share):
    seconds = {A} * n if device == "cpu" else {A} * (truth * (1 - share) + share * n)
    launch = {SEED}, trial, n, device, launch_of(device)
    visits[launch] += 1
    seconds *= random.Random(repr(launch)).lognormvariate(0, {OF_LAUNCHES})
    noise = float(os.environ["VISIT_NOISE"])
    seconds *= random.Random(repr((*launch, visits[launch]))).lognormvariate(0, noise)
    if device == "cpu":
        benchmark(timeline.charge, seconds)
    else:
        benchmark(torch.get_device_module(device)._sleep, round(1e9 * seconds))
"""

TRIAL = """
@BY_DEVICE
@SIZES
def test_trial_{0}(benchmark, device, n):
    work(benchmark, device, n, {0}, {1}, {2})
"""

FIXED_S, DEVICE_S, COPY_S, COPIED_S = 1000.0, 0.1, 700.0, 0.2
"""A device operation, its seconds an element; a copy, its seconds an element."""

MOVED_TRUTH = {
    "": FIXED_S / (A - DEVICE_S),
    "inputs pageable": (FIXED_S + COPY_S) / (A - DEVICE_S - COPIED_S),
    "round_trip pageable": (FIXED_S + 2 * COPY_S) / (A - DEVICE_S - 2 * COPIED_S),
}


def drawn() -> dict[int, tuple[float, float]]:
    """Each trial's crossing, and the accelerator's share of the processor's seconds an element."""
    source = random.Random(SEED)
    span = math.log(2 * SIZES[0]), math.log(SIZES[-1] / 2)
    return {
        trial: (math.exp(source.uniform(*span)), source.choice((0.01, 0.1, 0.3))) for trial in range(TRIALS)
    }


@pytest.fixture(scope="module", params=NOISES)
def noise(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture(scope="module")
def run(noise: float, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over SUITE and the trials, on `cpu` and `sim`."""
    import simulated_accelerator as simulation

    folder = tmp_path_factory.mktemp("suite")
    trials = [TRIAL.format(trial, *values) for trial, values in drawn().items()]
    (folder / "test_it.py").write_text(SUITE + "".join(trials))
    parameters = simulation.Parameters(
        virtual=True,
        fixed_s=FIXED_S,
        bytes_per_s=4 / DEVICE_S,
        copy_latency_s=COPY_S,
        copy_bytes_per_s=4 / COPIED_S,
    )
    environment = simulation.install(tmp_path_factory.mktemp("installed"), parameters)
    environment |= {"LAUNCH_COUNTER": str(folder / "launches"), "VISIT_NOISE": str(noise)}
    spec = Spec((str(folder),), directory=folder, rootdir=folder, environment=environment)
    coordinator = Coordinator(Plan(spec, PATIENT, LAUNCHES, ceilings=False), Progress(), [])
    written = folder / "run"
    with Journal.create(written, Header(run="simulated")) as journal:
        try:
            coordinator.measure(journal.append, lambda: refine.wanted(chosen(read_run(written)), LAUNCHES))
        finally:
            coordinator.close()
    return written


def chosen(run: Run) -> list[Choice]:
    return choices(run, marked_blocks(run))


def found(run: Run) -> list[Contest]:
    return contests_of(run, marked_blocks(run))


@pytest.fixture(scope="module")
def contests(run: Path) -> Contests:
    """The contests for one call, by operation and form."""
    met = found(read_run(run))
    assert disorders(met) == []
    latencies = [each for each in met if each.crossing.definition.startswith("latency")]
    return {(each.crossing.operation, each.crossing.definition[8:]): each for each in latencies}


def oracle(n: Array, y: Array, error: Array) -> float:
    """Half the 95 % interval of ln(crossing), by weighted least squares with the true form of the ratio."""

    def off(rates: Array) -> Array:
        fixed, share = rates
        return np.asarray((y - np.log(n) + np.logaddexp(fixed, share + np.log(n))) / error)

    starts = [(np.log(np.median(n)), math.log(share)) for share in (0.01, 0.1, 0.3)]
    best = min((least_squares(off, start, method="lm") for start in starts), key=lambda fit: fit.cost)
    share = min(math.exp(best.x[1]), 0.99)
    slope = np.array([1, share / (1 - share)])  # of ln(fixed / (1 - share))
    return 1.96 * float(np.sqrt(slope @ np.linalg.pinv(best.jac.T @ best.jac) @ slope))


def known(contest: Contest, visits: pd.DataFrame, noise: float) -> tuple[Array, Array, Array]:
    """What the oracle is told: sizes, the ratio's logarithm, and its true error, from the same visits."""
    rows = []
    evidence = visits[visits["case"].isin(contest.crossing.evidence)]
    for n, of_size in evidence.groupby("n"):
        log, variance = 0.0, 0.0
        for device, timed in of_size.groupby("device"):
            launches = timed.groupby("launch")["log"].agg(["mean", "size"])
            weight = 1 / (OF_LAUNCHES**2 + noise**2 / launches["size"])
            mean = (launches["mean"] * weight).sum() / weight.sum()
            log, variance = log + (mean if device == "cpu" else -mean), variance + 1 / weight.sum()
        rows.append((n, log, variance**0.5))
    n, y, error = np.array(rows, dtype=float).T
    return n, y, error


@pytest.fixture(scope="module")
def visits(run: Path) -> pd.DataFrame:
    """Every visit of the trials: case, device, n, launch, and ln(seconds)."""
    recorded = read_run(run)
    blocks = recorded.blocks[recorded.blocks["kind"] == "wall"]
    about = recorded.cases.set_index("case")
    case = blocks["case"].astype(str)
    return pd.DataFrame(
        {
            "case": case,
            "device": case.map(about["device"]),
            "n": case.map(about["params"]).map(lambda params: params["n"]),
            "launch": blocks["launch"],
            "log": np.log(blocks["wall_s"] / blocks["calls"]),
        }
    )


def test_intervals_hold_the_truth_and_are_not_much_wider_than_an_oracle_s(
    contests: Contests, visits: pd.DataFrame, noise: float
) -> None:
    """As many as 184 of 200 hold it (at TRIALS of 10, 8: a true 95 % has fewer in one run of ninety)."""
    held, widths, ratios = 0, [], []
    for trial, (truth, _) in drawn().items():
        contest = contests[f"trial_{trial}", ""]
        (place,) = contest.places
        held += place.low <= truth <= place.high
        widths.append(math.log(place.high / place.low))
        ratios.append(widths[-1] / 2 / oracle(*known(contest, visits, noise)))
    width, ratio = np.median(widths), np.median(ratios)
    text = f"{held} of {TRIALS} intervals hold the truth; the median one is {math.expm1(width):.1%} wide"
    print(f"\n{noise:.0%} between visits: {text}, {ratio:.2f} times the oracle's")
    assert held >= (0.92 * TRIALS if TRIALS >= 100 else 0.8 * TRIALS)
    assert ratio <= (1.5 if TRIALS >= 100 else 2)  # the median of ten is known to a third


@pytest.mark.parametrize("form", MOVED_TRUTH)
def test_crossings_with_data_moved_are_the_truth(contests: Contests, form: str, noise: float) -> None:
    """They have no noise, but borrow from the trials': beside quiet ones they are narrow."""
    (place,) = contests["zero", form].places
    assert place.low <= MOVED_TRUTH[form] <= place.high
    assert place.high <= (1.1 if noise <= OF_LAUNCHES else 2) * place.low
    assert place.size == pytest.approx(MOVED_TRUTH[form], rel=0.05)


def test_calls_that_pay_for_moving_the_data(contests: Contests) -> None:
    moved = contests["zero", "inputs pageable"]
    for n, reuses in zip(moved.sizes, moved.reuses, strict=True):
        saved_s = A * n - FIXED_S - DEVICE_S * n
        assert reuses == pytest.approx(
            (COPY_S + COPIED_S * n) / saved_s if saved_s > 0 else math.inf, rel=0.01
        )


def test_sizes_were_added_by_bisection(run: Path, noise: float) -> None:
    asked = [event for event in events(run) if isinstance(event, SizesAdded)]
    # With one launch each, a crossing may still be anywhere between two sizes.
    assert any(1448 < 1472 in each.sizes["test_it.py::test_zero"]["n"] for each in asked[:3])
    if noise <= OF_LAUNCHES:  # more keeps all of them open to the end
        assert len(asked[-1].sizes) <= 0.1 * len(asked[0].sizes)
    launches = [event for event in events(run) if isinstance(event, Launch)]
    assert max(event.round for event in launches) >= LAUNCHES
