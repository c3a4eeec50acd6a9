"""What a contest says, in as few words as it takes: every size that was measured is in them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from bench.analyze.contests.contests import SUMMED
from bench.analyze.contests.crossover import Place
from bench.analyze.estimates.confidence import of_crossing
from bench.analyze.names import circumstances, contender, count, words
from bench.analyze.questions.answers import Claim, Gain, Span
from bench.render.units import near, times


def subject(claim: Claim) -> str:
    """What the contest is about, and what sets it apart: "matmul (dtype float32)"."""
    named = shared(claim)
    moved = placement(claim)
    return words(claim.choice.operation) + (f" ({named})" if named else "") + (f", {moved}" if moved else "")


def shared(claim: Claim) -> str:
    """The parameters that the contenders share; the run, which has a column of its own, is none."""
    crossing = claim.evidence.crossing
    fixed = {name: value for name, value in crossing.fixed.items() if name != "on"}
    return circumstances(replace(crossing, fixed=fixed))


def placement(claim: Claim) -> str:
    """What is moved in each call, and out of which memory: "pinned round trip", "" for nothing."""
    form, _, memory = claim.choice.definition.partition(" ")[2].partition(" ")
    return f"{memory} {words(form)}".strip()


def told(claim: Claim, rated: str = "") -> str:
    """Who wins where; with the winners' rates in units of `rated`."""
    spans, choice = claim.spans, claim.choice
    axis, between = words(choice.axis), choice.between
    if all(span.range.winner for span in spans) and _crosses(claim):
        text = _crossing(claim, [span.range.place for span in spans[1:]])
    elif len(spans) == 1 and spans[0].range.winner and len(choice.contenders) == 2:
        text = f"{contender(between, spans[0].range.winner)} {_throughout(axis, spans[0].measured)}"
    else:
        text = "; ".join(_at(claim, span, rated) for span in spans)
    if left := sorted({size for span in spans for size in span.open}):
        text += f"; level or not told apart at {listed(left, choice.contests[0].sizes)}"
    if choice.contests[0].crossing.reason.startswith("except at"):
        text += f"; {choice.contests[0].crossing.reason.partition(';')[0]}"
    return text + (" (transfers reckoned)" if SUMMED in claim.evidence.crossing.reason else "")


def _crosses(claim: Claim) -> bool:
    two = len(claim.choice.contenders) == 2
    return two and len(claim.spans) > 1 and all(span.range.place for span in claim.spans)


def _crossing(claim: Claim, places: Sequence[Place | None]) -> str:
    """Two contenders that trade places: where, with the interval, or between which sizes."""
    axis, known = words(claim.choice.axis), [place for place in places if place]
    names = [contender(claim.choice.between, span.range.winner) for span in claim.spans]
    if len(known) == 1 and claim.choice.between == "threads" and axis == "n":
        return f"{names[1]} above about {_about(known[0])} × {_about(known[0])} ({_ends(known[0])})"
    if len(known) == 1:
        return f"{names[1]} from {axis} {_place(known[0])}"
    below = ", ".join(
        f"{name} up to {axis} {_place(place)}" for name, place in zip(names, known, strict=False)
    )
    return f"{below}, {names[-1]} beyond"


def _place(place: Place) -> str:
    if of_crossing(place.low, place.high) == "unsettled":
        return (
            f"between {near(place.low, place.low, place.high)} and {near(place.high, place.low, place.high)}"
        )
    return f"≈ {_about(place)} ({_ends(place)})"


def _about(place: Place) -> str:
    return near(place.size, place.low, place.high)


def _ends(place: Place) -> str:
    return "–".join(dict.fromkeys(near(each, place.low, place.high) for each in (place.low, place.high)))


def _throughout(axis: str, sizes: Sequence[float]) -> str:
    if len(sizes) == 1:
        return f"at {axis} = {count(sizes[0])}, the only one measured"
    return f"at every {axis} measured, {count(sizes[0])} to {count(sizes[-1])}"


def _at(claim: Claim, span: Span, rated: str) -> str:
    """One span: who wins there, who cannot be told from it, or that nobody is known to."""
    axis, between, known = words(claim.choice.axis), claim.choice.between, span.range
    at = f"at {axis} {listed(span.measured)}"
    if known.state == "equal":
        return f"no difference that matters {at}"
    if not known.winner:
        first, led, _ = known.reason.partition(" led, but ")
        return f"not told apart {at}" + (f" ({first} led)" if led else "")
    winner = f"{contender(between, known.winner)} {at}"
    if rated and math.isfinite(span.items_per_s):
        where = "" if len(span.measured) == 1 else f"{count(span.measured[-1])}: "
        winner += f" ({where}{count(float(f'{span.items_per_s:.2g}'))} {rated})"
    return winner + (f", not told from {_rivals(claim, span)}" if span.rivals else "")


def _rivals(claim: Claim, span: Span) -> str:
    """Whom the winner cannot be told from, and where, if not throughout: "4 and 16, nor from 0 at 64".

    A rival whose name begins the winner's is "plain": ONNX Runtime beside ONNX Runtime (session.run).
    """
    between, texts = claim.choice.between, list[str]()
    winner = contender(between, span.range.winner)
    called = {name: name if between == "num_workers" else contender(between, name) for name in span.rivals}
    for sizes, names in groupby(span.rivals, key=lambda name: span.rivals[name]):
        whom = (called[name] for name in names)
        who = joined([f"plain {name}" if winner.startswith(f"{name} (") else name for name in whom])
        texts.append(who if sizes == span.measured else f"{who} at {listed(sizes, span.measured)}")
    return ", nor from ".join(texts)


def listed(sizes: Sequence[float], measured: Sequence[float] = ()) -> str:
    """Sizes as "16", "16 and 64" or, of more that follow each other in those measured, "16 to 256"."""
    parts: list[list[float]] = []
    for size in sizes:
        place = measured.index(size) if measured else 0
        if parts and (not measured or (place and measured[place - 1] == parts[-1][-1])):
            parts[-1].append(size)
        else:
            parts.append([size])
    return joined([_stretch(part) for part in parts])


def _stretch(sizes: Sequence[float]) -> str:
    texts = [count(size) for size in sizes]
    return " and ".join(texts) if len(texts) < 3 else f"{texts[0]} to {texts[-1]}"


def joined(texts: Sequence[str]) -> str:
    """As one lists things: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def gain(claim: Claim) -> str:
    """How many times as fast: at the largest size at which the winner is known to be faster; where one of two
    wins throughout, at the smallest such size as well."""
    won = [span for span in claim.spans if span.gains]
    if not won:
        return ""
    gains = [each for each in won[-1].gains if each.low > 1] or won[-1].gains[-1:]
    ends = [gains[-1]] if len(claim.spans) > 1 or len(claim.choice.contenders) > 2 else [gains[0], gains[-1]]
    known = dict.fromkeys(ends)
    who = "" if won[-1] is claim.spans[-1] else f"{contender(claim.choice.between, won[-1].range.winner)} "
    return ", ".join(who + _gain(claim, each) for each in known)


def _gain(claim: Claim, each: Gain) -> str:
    """The gain at a size; of more than two contenders over whom."""
    several = len(claim.choice.contenders) > 2
    over = f" against {contender(claim.choice.between, each.over)}" if several else ""
    return f"{times(each.ratio, each.low, each.high)}{over} at {count(each.size)}"
