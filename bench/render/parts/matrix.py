"""Crossings of devices as a matrix: a row an operation, a column a place that the data starts from."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.transfers import FORMS, LINKS
from bench.analyze.estimates.confidence import Confidence, of_crossing
from bench.analyze.names import circumstances, contender, count, words
from bench.render.units import near, times

BASES = {"latency": "one call and its wait", "throughput": "back to back, one wait for many calls"}
"""What is timed, in the order in which it is shown: what people meet first is one call."""

PLACEMENTS = {
    " ".join(filter(None, (form, memory))): f"{words(form)} {memory}".strip() or "in place"
    for form in FORMS
    for memory in ("", *LINKS)
    if form or not memory
}
"""What is moved in each call, as a definition ends and as a column is called; in the columns' order."""


@dataclass(frozen=True)
class Cell:
    """One contest: who wins, from which size (and within which interval), by how much at the largest size.

    `key` is its address on the page.
    """

    key: str
    winner: str
    outcome: str
    interval: str
    gain: str
    confidence: Confidence
    reason: str

    @property
    def side(self) -> str:
        """Whose colour the cell has: the processor's, a device's, or none's."""
        return "none" if not self.winner else "cpu" if self.winner == "cpu" else "device"


@dataclass(frozen=True)
class Row:
    """An operation with its circumstances; a cell for each column of the matrix, None where there is none."""

    operation: str
    circumstances: str
    axis: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Matrix:
    """The contests of devices that were timed in one way."""

    timed: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def matrices(choices: Sequence[Choice]) -> list[Matrix]:
    """A matrix for each way of timing that has contests of devices; empty columns are left out."""
    return [matrix for basis, timed in BASES.items() if (matrix := _matrix(choices, basis, timed)).rows]


def placed(contest: Contest) -> bool:
    """Whether a matrix has this contest: any of devices that was measured."""
    basis, _, form = contest.crossing.definition.partition(" ")
    devices = contest.between == "device" and contest.crossing.state != "not_measured"
    return devices and basis in BASES and form in PLACEMENTS


def _matrix(choices: Sequence[Choice], basis: str, timed: str) -> Matrix:
    found: dict[tuple[tuple[str, str, str], str, str], dict[str, Cell]] = {}
    position = 0
    for choice in choices:
        for contest in choice.contests:
            timed_so, _, form = contest.crossing.definition.partition(" ")
            if placed(contest) and timed_so == basis:
                found.setdefault(_row(contest), {})[form] = _cell(contest, choice, str(position))
            position += 1
    used = [form for form in PLACEMENTS if any(form in cells for cells in found.values())]
    rows = [Row(*labels, tuple(map(cells.get, used))) for (labels, *_), cells in found.items()]
    return Matrix(timed, tuple(PLACEMENTS[form] for form in used), tuple(rows))


def _row(contest: Contest) -> tuple[tuple[str, str, str], str, str]:
    """What contests of a row share: what it is called, its suite, and the device against the processor."""
    crossing = contest.crossing
    device = next(name for name in (crossing.challenger, crossing.incumbent) if name != "cpu")
    labels = words(crossing.operation), circumstances(crossing), words(crossing.axis)
    return labels, contest.suite, device


def _cell(contest: Contest, choice: Choice, key: str) -> Cell:
    crossing = contest.crossing
    last = choice.ranges[-1]
    winner = last.winner if crossing.state == "inconclusive" else _winner(contest)
    outcome, interval = _outcome(contest, contender("device", winner), last.smallest)
    return Cell(key, winner, outcome, interval, _gain(contest, winner), choice.confidence, crossing.reason)


def _outcome(contest: Contest, winner: str, since: float) -> tuple[str, str]:
    """What came of a contest, and its interval, as "GPU from ≈ 152" and "115–204"; `since` is the smallest
    size of the last range with one answer.
    """
    crossing = contest.crossing
    if crossing.size is not None and crossing.low is not None and crossing.high is not None:
        again = ", not for the first time" if crossing.state == "multiple" else ""
        size, *ends = (
            near(each, crossing.low, crossing.high) for each in (crossing.size, crossing.low, crossing.high)
        )
        if of_crossing(crossing.low, crossing.high) == "unsettled":
            return f"{winner} from between {' and '.join(ends)}{again}", ""
        return f"{winner} from ≈ {size}{again}", "–".join(ends)
    if crossing.state == "equal":
        return "no difference that matters", ""
    if crossing.state == "inconclusive":
        return (f"{winner} from {count(since)}, not settled below" if winner else "not settled"), ""
    return f"{winner} at every size", ""


def _winner(contest: Contest) -> str:
    """Who is ahead at the largest size; "" where that cannot be said, or does not matter."""
    crossing = contest.crossing
    if crossing.state in ("crosses_at", "multiple", "always_faster"):
        return crossing.challenger
    return crossing.incumbent if crossing.state == "never" else ""


def _gain(contest: Contest, winner: str) -> str:
    """How many times as fast the winner is at the largest size, as "34 × (31–38) at 2048"."""
    if not contest.ratio or not winner:
        return ""
    ratio = contest.ratio[-1], contest.ratio_low[-1], contest.ratio_high[-1]
    if winner == contest.crossing.incumbent:
        ratio = 1 / ratio[0], 1 / ratio[2], 1 / ratio[1]
    return f"{times(*ratio)} at {count(contest.sizes[-1])}"
