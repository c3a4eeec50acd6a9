"""What gain figures draw: an operation's contests as curves of ratios, each with its name and its answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.estimates.confidence import of_interval
from bench.analyze.names import THIN, contender, count, words
from bench.render.drawing.colours import Colours, light
from bench.render.drawing.labels import MAX_LABELS, fitted
from bench.render.drawing.points import Point
from bench.render.drawing.style import MARKERS

TIMED = {"latency": "one call", "throughput": "back to back"}
"""How a contest's calls were timed, as readers say it."""

DASHED = (0, (3, 1.5))


@dataclass(frozen=True)
class Contested:
    """One operation's choices: `by_definition` has each way it was timed and its data moved.

    All have the suite, the axis, the contenders and the circumstances of the first.
    """

    by_definition: Mapping[str, Choice]

    @property
    def choice(self) -> Choice:
        return next(iter(self.by_definition.values()))

    @property
    def moved(self) -> bool:
        """Whether the data was moved in calls of one of them."""
        return any(" " in definition for definition in self.by_definition)

    @property
    def pair(self) -> tuple[str, str]:
        """Whom the others are held against, and who is.

        The first, as the CPU is; of two others the one that loses at the largest size: gains are drawn.
        """
        first, *others = self.choice.contenders
        if len(others) > 1 or self.choice.between == "device":
            return first, others[-1]
        contest = self.choice.contests[0]
        wins = contest.crossing.incumbent if contest.ratio[-1] < 1 else contest.crossing.challenger
        return (others[0], first) if wins == first else (first, others[0])


@dataclass(frozen=True)
class Line:
    """A curve of ratios, above 1 where `name` is faster: at the sizes measured, and its band between them.

    `band` is (sizes, low, high), empty for a single size. `said` is the crossing and the last ratio.
    """

    name: str
    colour: str
    marker: str
    dashes: Any
    contest: Contest
    points: tuple[Point, ...]
    band: tuple[Sequence[float], Sequence[float], Sequence[float]]
    said: str


def contested(choices: Iterable[Choice]) -> list[Contested]:
    """The choices that have something measured, those of one operation and its circumstances together."""
    grouped: dict[tuple[Any, ...], dict[str, Choice]] = {}
    for choice in choices:
        fixed = tuple(sorted((name, str(value)) for name, value in choice.fixed.items()))
        key = choice.suite, choice.operation, choice.axis, choice.between, choice.contenders[0], fixed
        if choice.contests and choice.contests[0].sizes:
            grouped.setdefault(key, {})[choice.definition] = choice
    return [Contested(by_definition) for by_definition in grouped.values()]


def lines(of: Contested, colours: Colours, moved: bool) -> list[Line]:
    """The curves of a figure: of many contenders one each, of two one for each way they were timed."""
    found = _of_two(of, colours, moved) if len(of.choice.contenders) == 2 else _of_many(of, colours)
    return list(found)[:MAX_LABELS]


def _of_many(of: Contested, colours: Colours) -> Iterator[Line]:
    quoted = of.by_definition.get("latency", of.choice)
    first = of.pair[0]
    for place, contest in enumerate(contest for contest in quoted.contests if contest.sizes):
        other = ({contest.crossing.incumbent, contest.crossing.challenger} - {first}).pop()
        look = light(colours.get(other, place)), MARKERS[place % len(MARKERS)], "-"
        yield _line(quoted, contest, first, fitted(contender(quoted.between, other)), look)


def _of_two(of: Contested, colours: Colours, moved: bool) -> Iterator[Line]:
    first, other = of.pair
    several = moved and of.moved
    in_place = [each for each in TIMED if each in of.by_definition]
    for number, definition in enumerate(in_place):
        timed = of.by_definition[definition]
        look = light(colours.get(other, 0)), MARKERS[number], DASHED if number else "-"
        name = TIMED[definition] + (", in place" if several else "")
        yield _line(timed, timed.contests[0], first, name, look)
    forms = {definition.partition(" ")[2] for definition in of.by_definition} - {""}
    for number, form in enumerate(sorted(forms) if several else (), start=2):
        named = next(each for basis in TIMED if (each := f"{basis} {form}") in of.by_definition)
        timed = of.by_definition[named]
        look = light(colours.get(form, number)), MARKERS[number % len(MARKERS)], "-"
        yield _line(timed, timed.contests[0], first, words(form), look)


def _line(choice: Choice, contest: Contest, first: str, name: str, look: tuple[str, str, Any]) -> Line:
    """A contest's ratios with `first` as the one that the other is held against."""
    turned = contest.crossing.incumbent != first
    middle, low, high = (np.array(each) for each in (contest.ratio, contest.ratio_low, contest.ratio_high))
    if turned:
        middle, low, high = 1 / middle, 1 / high, 1 / low
    cases = _cases(choice, contest, first)
    points = tuple(
        Point(
            size, float(m), float(a), float(b), f"{name}, {words(choice.axis)} = {count(size)}",
            told(m, a, b), case, of_interval(a, b) != "unsettled",
        )
        for size, m, a, b, case in zip(contest.sizes, middle, low, high, cases, strict=True)
    )  # fmt: skip
    return Line(name, *look, contest, points, _band(contest, turned), _said(contest, first, points))


def _cases(choice: Choice, contest: Contest, first: str) -> Sequence[str]:
    """The case of the one that is held against `first`, at each size."""
    half = len(contest.sizes)
    evidence = contest.crossing.evidence
    if len(evidence) != 2 * half:
        return [""] * half
    # The evidence comes in the contenders' order, whoever won.
    return evidence[half:] if first == choice.contenders[0] else evidence[:half]


def _band(contest: Contest, turned: bool) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    if contest.curve is None or len(contest.sizes) < 2:
        return (), (), ()
    curve = contest.curve.turned() if turned else contest.curve
    low, _, high = np.exp(curve.band)
    return np.exp(curve.x).tolist(), low.tolist(), high.tolist()


def ratio(value: float) -> str:
    """A ratio in two digits: "34 ×"."""
    return f"{count(float(f'{value:.2g}')) if value >= 1 else f'{value:.2g}'}{THIN}×"


def told(value: float, low: float, high: float) -> str:
    """A ratio with its interval; in words where that is too wide."""
    if of_interval(low, high) == "unsettled":
        return f"about {ratio(value)}, unsettled: between {ratio(low)} and {ratio(high)}"
    return f"{ratio(value)} (95 %: {ratio(low)} to {ratio(high)})"


def _said(contest: Contest, first: str, points: Sequence[Point]) -> str:
    """The crossing and the ratio at the largest size, in a line."""
    crossing, last = contest.crossing, f" · {ratio(points[-1].y)}" if points else ""
    if crossing.size is not None and crossing.low is not None and crossing.high is not None:
        way = "up to" if crossing.challenger == first else "from"
        size, low, high = map(about, (crossing.size, crossing.low, crossing.high))
        return f"{way} {size} ({low} to {high}){last}"
    faster = {"always_faster": crossing.challenger, "never": crossing.incumbent}.get(crossing.state)
    if faster:
        return f"{'never' if faster == first else 'always'}{last}"
    return f"{'level' if crossing.state == 'equal' else _known(points)}{last}"


def _known(points: Sequence[Point]) -> str:
    """At how many sizes one is ahead, where no answer holds for all."""
    ahead, behind = (sum(beyond) for beyond in ([p.low > 1 for p in points], [p.high < 1 for p in points]))
    told = [f"{word} at {n}" for word, n in (("ahead", ahead), ("behind", behind)) if n]
    return f"{', '.join(told)} of {len(points)} sizes" if told else "not settled"


def about(size: float) -> str:
    """A size between those measured: three digits, whole from ten on."""
    return count(round(float(f"{size:.3g}"))) if size >= 10 else f"{size:.2g}"
