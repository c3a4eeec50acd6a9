"""The questions people have, answered in sentences: each with its interval and its evidence."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Any

from bench.analyze.contests.contests import Contest
from bench.records import Crossing

QUESTIONS = {
    "device": "On which device?",
    "engine": "{0} or {1}?",
    "num_workers": "How many DataLoader workers?",
    "way": "Share or copy?",
    "threads": "One thread or all?",
}
"""By what competes, in the order in which answers are given. Whatever else competes comes after."""

SETTLING = 5
"""Launches from which a contest that is still undecided is simply undecided."""

NEAR = 1.05
"""Ratio up to which a choice is called a tie: `bench.analyze.contests.crossover.TIE`."""


@dataclass(frozen=True)
class Answer:
    """One sentence that answers a question, and the contest that it rests on."""

    question: str
    sentence: str
    contest: Contest


def answers(contests: Sequence[Contest]) -> list[Answer]:
    """Every answer, the most useful first: one a question in turn, so that the first five differ in kind."""
    by_question: dict[str, list[Answer]] = defaultdict(list)
    for contest in sorted(_quoted(contests), key=_rank):
        if contest.crossing.state not in ("not_measured", "inconclusive"):
            question = _question(contest)
            by_question[question].append(Answer(question, sentence(contest), contest))
    for answer in _moved(contests):
        by_question[answer.question].append(answer)
    queues = [
        sorted(of_question, key=lambda answer: answer.contest.crossing.state != "crosses_at")
        for of_question in by_question.values()
    ]
    settled = [answer for turn in zip_longest(*queues) for answer in turn if answer]
    return [*settled, *_leanings(contests)]


def _moved(contests: Sequence[Contest]) -> Iterator[Answer]:
    """From which size a device wins though its data is moved in each call, and how many calls pay for it."""
    for forms in _by_pair(contests):
        basis = "latency" if "latency" in forms else "throughput"
        moved = [contest for name, contest in sorted(forms.items()) if name.startswith(f"{basis} ")]
        won = [text for contest in moved if (text := _with_data_moved(contest))]
        if won:
            crossing = moved[0].crossing
            device = ({crossing.incumbent, crossing.challenger} - {"cpu"}).pop()
            text = f"{_what(crossing)}, data moved in each call: {_beats(device, 'cpu')} {', '.join(won)}"
            yield Answer(_question(moved[0]), f"{text}{_paid_for(moved[0])}.", moved[0])


def _with_data_moved(contest: Contest) -> str:
    """Where the device wins in one form, as "from n ≈ 400 (95 %: 390 to 410) with pinned inputs"."""
    crossing, axis = contest.crossing, words(contest.crossing.axis)
    what, _, memory = crossing.definition.partition(" ")[2].partition(" ")
    form = f"with {'a ' if what == 'round_trip' else ''}{f'{memory} {words(what)}'.strip()}"
    if crossing.low is not None:
        way = "up to" if crossing.challenger == "cpu" else "from"
        interval = f"95 %: {_about(crossing.low)} to {_about(crossing.high)}"
        return f"{way} {axis} ≈ {_about(crossing.size)} ({interval}) {form}"
    throughout = {"always_faster": f"at every {axis}", "never": f"at no {axis} measured"}
    return f"{throughout[crossing.state]} {form}" if crossing.state in throughout else ""


def _paid_for(contest: Contest) -> str:
    """How many calls pay for moving the inputs once, at the smallest size at which a call saves anything."""
    saving = (pair for pair in zip(contest.sizes, contest.reuses, strict=True) if math.isfinite(pair[1]))
    size, calls = next(saving, (0.0, 0.0))
    if "inputs" not in contest.crossing.definition or calls <= 1:
        return ""
    place = f"{words(contest.crossing.axis)} = {_exact(size)}"
    return f"; at {place}, {_exact(math.ceil(calls))} calls on the same inputs pay for moving them"


def _leanings(contests: Sequence[Contest]) -> Iterator[Answer]:
    """What the launches suggest where no interval settles it: who led, and where that changed."""
    for contest in sorted(_quoted(contests), key=_rank):
        crossing = contest.crossing
        if crossing.state in ("not_measured", "inconclusive") and crossing.launches < SETTLING:
            led = [_leader(ratio) for ratio in contest.ratio]
            ahead = [side for side in led if side]
            changes = sum(here != there for here, there in pairwise(ahead))
            if changes == 1 or (ahead and ahead == led and not changes):
                text = f"{_what(contest.crossing)}: {_leaning(contest, led)}; {_unsettled(contest)}."
                yield Answer(_question(contest), text, contest)


def _leader(ratio: float) -> int:
    """1 where the challenger led, -1 where the incumbent did, 0 for a tie."""
    return int(ratio > NEAR) - int(ratio < 1 / NEAR)


def _leaning(contest: Contest, led: Sequence[int]) -> str:
    """Who led: at the one size measured, at every size, or below and above where it changed."""
    crossing, axis = contest.crossing, words(contest.crossing.axis)
    incumbent, challenger = (
        contender(contest.between, each) for each in (crossing.incumbent, crossing.challenger)
    )
    winner, rival = (challenger, incumbent) if _last(led) > 0 else (incumbent, challenger)
    if set(led) >= {1, -1}:
        first = led.index(_last(led))
        before = max(i for i in range(first) if led[i])
        below, above = _exact(contest.sizes[before]), _exact(contest.sizes[first])
        return f"{rival} led up to {axis} = {below}, {winner} from {above} on"
    smallest = min(max(ratio, 1 / ratio) for ratio in contest.ratio)
    if len(led) == 1:
        return f"{winner} led {rival} at {axis} = {_exact(contest.sizes[0])}, {_times(smallest)}"
    return f"{winner} led {rival} at every {axis} measured, at least {_times(smallest)}"


def _last(led: Sequence[int]) -> int:
    """Who led at the largest size at which they differ."""
    return [side for side in led if side][-1]


def _unsettled(contest: Contest) -> str:
    launches = contest.crossing.launches
    return "1 launch does not settle it" if launches == 1 else f"{launches} launches do not settle it"


def _rank(contest: Contest) -> int:
    order = list(QUESTIONS)
    return order.index(contest.between) if contest.between in order else len(order)


def _question(contest: Contest) -> str:
    if contest.between not in QUESTIONS:
        return f"Which {words(contest.between)}?"
    contenders = sorted((contest.crossing.incumbent, contest.crossing.challenger), reverse=True)
    return QUESTIONS[contest.between].format(*contenders)


def _quoted(contests: Sequence[Contest]) -> Iterator[Contest]:
    """Latency where it was measured, else back-to-back time: what a learner meets is one call."""
    for forms in _by_pair(contests):
        yield forms.get("latency") or forms["throughput"]


def _by_pair(contests: Sequence[Contest]) -> list[dict[str, Contest]]:
    """For each two contenders their contests, by definition."""
    by_pair: dict[tuple[Any, ...], dict[str, Contest]] = defaultdict(dict)
    for contest in contests:
        crossing = contest.crossing
        pair = frozenset((crossing.incumbent, crossing.challenger))
        fixed = tuple(sorted(crossing.fixed.items(), key=str))
        by_pair[contest.suite, crossing.operation, crossing.axis, pair, fixed][crossing.definition] = contest
    return list(by_pair.values())


def sentence(contest: Contest) -> str:
    """The contest's outcome in plain words."""
    crossing = contest.crossing
    what, axis = _what(crossing), words(crossing.axis)
    rival, winner = (contender(contest.between, each) for each in (crossing.incumbent, crossing.challenger))
    first, last = _exact(contest.sizes[0]), _exact(contest.sizes[-1])
    exception = f" ({crossing.reason})" if crossing.reason else ""
    if crossing.state == "crosses_at":
        interval = f"95 %: {_about(crossing.low)} to {_about(crossing.high)}"
        return (
            f"{what}: {_beats(winner, rival)} from {axis} ≈ {_about(crossing.size)} ({interval}); "
            f"{_times(contest.ratio[-1])} at {axis} = {last}.{exception}"
        )
    if crossing.state == "multiple":
        changes = ", ".join(_about(size) for size in crossing.sizes)
        return (
            f"{what}: {winner} and {rival} trade places at {axis} ≈ {changes}; "
            f"{_beats(winner, rival)} from {_about(crossing.size)} on.{exception}"
        )
    ratio = contest.ratio
    if crossing.state == "never":
        winner, rival, ratio = rival, winner, tuple(1 / each for each in ratio)
    return (
        f"{what}: {_beats(winner, rival)} at every {axis} from {first} to {last}: {_times(ratio[0])} "
        f"at the smallest, {_times(ratio[-1])} at the largest.{exception}"
    )


def _what(crossing: Crossing) -> str:
    """The operation and the parameters that set its contest apart, as "matmul (dtype float32)"."""
    fixed = circumstances(crossing)
    return words(crossing.operation) + (f" ({fixed})" if fixed else "")


def circumstances(crossing: Crossing) -> str:
    """The parameters that the contenders share; the CPU goes without saying."""
    shared = {name: value for name, value in crossing.fixed.items() if (name, value) != ("device", "cpu")}
    return ", ".join(f"{words(name)} {value}" for name, value in shared.items())


def contender(between: str, value: str) -> str:
    """A contender as one says it: "cuda", "2 workers", "1 thread", "all threads"."""
    if not (value.isdigit() or value == "all"):
        return value
    noun = words(between)
    return f"{value} {noun.removesuffix('s') if value == '1' else noun}"


def _beats(winner: str, rival: str) -> str:
    several = winner.startswith("all ") or (winner[0].isdigit() and not winner.startswith("1 "))
    return f"{winner} {'beat' if several else 'beats'} {rival}"


def words(name: str) -> str:
    """A name from code as words: "num_workers" is "workers"."""
    return name.removeprefix("num_").replace("_", " ")


def _exact(size: float) -> str:
    """A size that was measured; groups of three digits, so that 16777216 can be read."""
    return f"{size:,.0f}".replace(",", "\u202f") if size >= 10_000 else f"{size:g}"


def _about(size: float | None) -> str:
    """A size between those measured, in three digits."""
    return _exact(float(f"{size:.3g}")) if size is not None else "?"


def _times(ratio: float) -> str:
    """How many times as fast, in two digits."""
    if 1 / NEAR < ratio < NEAR:
        return "about level"
    return f"{_exact(float(f'{ratio:.2g}'))} × as fast"
