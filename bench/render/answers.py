"""The questions people have, answered in sentences: each with its interval and its evidence."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from bench.analyze.contests.answer import Answer as Known
from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import BETWEEN, TIE
from bench.records import Crossing

QUESTIONS = {
    "device": "On which device?",
    "engine": "{0} or {1}?",
    "num_workers": "How many DataLoader workers?",
    "way": "Share or copy?",
    "threads": "One thread or all?",
}
"""By what competes, in the order in which answers are given. Whatever else competes comes after."""

NEAR = 1 + TIE
"""Ratio up to which a choice is called a tie."""


@dataclass(frozen=True)
class Answer:
    """One sentence that answers a question, and the contest that it rests on."""

    question: str
    sentence: str
    contest: Contest


def answers(choices: Sequence[Choice]) -> list[Answer]:
    """Every answer, the most useful first: one a question in turn, so that the first five differ in kind.

    What is not settled comes last, with what is known of it.
    """
    by_question: dict[str, list[Answer]] = defaultdict(list)
    open_: list[Answer] = []
    for choice in sorted((each for each in _quoted(choices) if each.answers), key=_rank):
        told = Answer(_question(choice), sentence(choice), _evidence(choice))
        if any(answer.winner or answer.state == "equal" for answer in _settled(choice)):
            by_question[told.question].append(told)
        else:
            open_.append(told)
    for answer in _moved([contest for choice in choices for contest in choice.contests]):
        by_question[answer.question].append(answer)
    queues = [
        sorted(of_question, key=lambda answer: answer.contest.crossing.state != "crosses_at")
        for of_question in by_question.values()
    ]
    settled = [answer for turn in zip_longest(*queues) for answer in turn if answer]
    return [*settled, *open_]


def _settled(choice: Choice) -> Sequence[Known]:
    """The ranges that tell of a choice whether it has an answer: all, but for two contenders who are ahead at
    some sizes only, and not told apart at others."""
    two = len(choice.contenders) == 2 and choice.contests[0].crossing.state == "inconclusive"
    return () if two else choice.answers


def _evidence(choice: Choice) -> Contest:
    """The contest that an answer rests on most: that of the last winner."""
    winner = choice.answers[-1].winner
    met = (each for each in choice.contests if winner in (each.crossing.incumbent, each.crossing.challenger))
    last = [each for each in met if each.crossing.incumbent != winner or len(choice.contenders) == 2]
    return (last or choice.contests)[0]


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
    if BETWEEN in crossing.reason:
        throughout["always_faster"] = f"at every {axis} measured"
    elif crossing.reason.startswith("level"):
        throughout = {"always_faster": f"at every {axis}, or level,"}
    return f"{throughout[crossing.state]} {form}" if crossing.state in throughout else ""


def _paid_for(contest: Contest) -> str:
    """How many calls pay for moving the inputs once, at the smallest size at which a call saves anything."""
    saving = (pair for pair in zip(contest.sizes, contest.reuses, strict=True) if math.isfinite(pair[1]))
    size, calls = next(saving, (0.0, 0.0))
    if "inputs" not in contest.crossing.definition or calls <= 1:
        return ""
    place = f"{words(contest.crossing.axis)} = {_exact(size)}"
    return f"; at {place}, {_exact(math.ceil(calls))} calls on the same inputs pay for moving them"


def _rank(choice: Choice) -> int:
    order = list(QUESTIONS)
    return order.index(choice.between) if choice.between in order else len(order)


def _question(asked: Choice | Contest) -> str:
    if asked.between not in QUESTIONS:
        return f"Which {words(asked.between)}?"
    two = (
        (asked.crossing.incumbent, asked.crossing.challenger)
        if isinstance(asked, Contest)
        else asked.contenders
    )
    return QUESTIONS[asked.between].format(*sorted(two, reverse=True))


def _quoted(choices: Sequence[Choice]) -> list[Choice]:
    """Latency where it was measured, else back-to-back time: what a learner meets is one call."""
    quoted: dict[tuple[Any, ...], Choice] = {}
    for choice in choices:
        fixed = tuple(sorted(choice.fixed.items(), key=str))
        key = choice.suite, choice.operation, choice.axis, choice.contenders, fixed
        if choice.definition == "latency" or (choice.definition == "throughput" and key not in quoted):
            quoted[key] = choice
    return list(quoted.values())


def _by_pair(contests: Sequence[Contest]) -> list[dict[str, Contest]]:
    """For each two contenders their contests, by definition."""
    by_pair: dict[tuple[Any, ...], dict[str, Contest]] = defaultdict(dict)
    for contest in contests:
        crossing = contest.crossing
        pair = frozenset((crossing.incumbent, crossing.challenger))
        fixed = tuple(sorted(crossing.fixed.items(), key=str))
        by_pair[contest.suite, crossing.operation, crossing.axis, pair, fixed][crossing.definition] = contest
    return list(by_pair.values())


def sentence(choice: Choice) -> str:
    """The outcome in plain words."""
    contest = choice.contests[0]
    if len(choice.contenders) > 2:
        return f"{_what(contest.crossing)}: {'; '.join(_range(choice, known) for known in choice.answers)}."
    return _of_two(contest, choice.answers)


def _range(choice: Choice, known: Known) -> str:
    """What is known of many contenders over a range of sizes."""
    axis = words(choice.axis)
    at = f"{axis} {_exact(known.smallest)} to {_exact(known.largest)}"
    if known.smallest == known.largest:
        at = f"{axis} = {_exact(known.smallest)}"
    if known.state == "equal":
        return f"no difference that matters at {at}"
    if not known.winner:
        return f"not settled at {at}: {known.reason}"
    ties = ", ".join(contender(choice.between, each) for each in known.ties)
    level = f" (not told apart from it: {ties})" if ties else ""
    gain = f", {_ahead(known.gain[0])}" if known.gain and not ties else ""
    return f"fastest at {at} with {contender(choice.between, known.winner)}{level}{gain}"


def _of_two(contest: Contest, ranges: Sequence[Known]) -> str:
    crossing = contest.crossing
    what, axis = _what(crossing), words(crossing.axis)
    rival, winner = (contender(contest.between, each) for each in (crossing.incumbent, crossing.challenger))
    first, last = _exact(contest.sizes[0]), _exact(contest.sizes[-1])
    reason = crossing.reason.replace(f"{contest.between} ", f"{words(contest.between)} ")
    exception = f" ({reason})" if reason else ""
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
    if crossing.state == "equal":
        since = (
            f"at any {axis} from {first} to {last}"
            if not reason
            else f"from {axis} = {_exact(ranges[-1].smallest)} on"
        )
        return f"{what}: no difference that matters between {rival} and {winner} {since}.{exception}"
    if crossing.state == "inconclusive":
        return f"{what}: not settled between {rival} and {winner}: {reason}."
    ratio = contest.ratio
    if crossing.state == "never":
        winner, rival, ratio = rival, winner, tuple(1 / each for each in ratio)
    where = f"at {axis} = {first}, the only one measured: {_times(ratio[0])}"
    if len(contest.sizes) > 1:
        level = reason.startswith("level")
        every = "or the two are level, " if level else f"at every {axis} {'measured ' if reason else ''}"
        ends = f"{_times(ratio[0])} at the smallest, {_times(ratio[-1])} at the largest"
        where = f"{every}from {f'{axis} = ' if level else ''}{first} to {last}: {ends}"
    comma = "," if reason.startswith("level") and len(contest.sizes) > 1 else ""
    return f"{what}: {_beats(winner, rival)}{comma} {where}.{exception}"


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


def _ahead(ratio: float) -> str:
    """By how much the first is ahead of the next."""
    return f"by less than {100 * TIE:g} %" if ratio < NEAR else f"{_times(ratio)} as the next"


def _times(ratio: float) -> str:
    """How many times as fast, in two digits."""
    if 1 / NEAR < ratio < NEAR:
        return "about level"
    return f"{_exact(float(f'{ratio:.2g}'))} × as fast"
