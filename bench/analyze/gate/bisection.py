"""Which commit made a case slower: the search, as a pure function of how commits are listed and judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.records import Commit, Verdict

Listing = Callable[[str, Sequence[str]], Sequence[str]]
"""Given a bad commit and good ones: what may be the first bad one, the best to ask about first."""
AWAY = 2
"""How slowly the search leaves the middle, where commits cannot be judged: after the first of them a third of
the list is passed over, after the second a half. What keeps a commit from being judged often keeps its
neighbours; git bisect does alike."""


@dataclass(frozen=True)
class Probe:
    """A probe is one commit compared with another; without a verdict `reason` says why there is none.

    `skipped` tells of a case that skips itself from one that failed, or could not even be collected.
    """

    commit: Commit
    base: Commit
    verdict: Verdict | None = None
    reason: str = ""
    skipped: bool = False

    @property
    def slower(self) -> bool | None:
        """Whether the commit is bad; None where that stays open."""
        if self.verdict is None or self.verdict.state == "undecided":
            return None
        return self.verdict.state == "slower"


def steps(candidates: int) -> int:
    """How many probes tell one of so many commits, where each can be judged."""
    return (candidates - 1).bit_length()


def search(
    good: str, bad: str, listing: Listing, judge: Callable[[str, float], bool | None], error: float
) -> list[str]:
    """The commits that may be the first bad one: that one alone, or those that could not be told apart.

    `judge` gets a commit and how often it may err on it; it says whether the commit is bad, None where that
    stays open. Together all judgements err at most as often as `error`: each gets its part of what is left.
    """
    goods, unknown = [good], set[str]()
    while True:
        candidates = listing(bad, goods)
        others = [each for each in candidates if each != bad]
        left = [each for each in others if each not in unknown]
        if not left:
            return list(candidates)
        missed = len(others) - len(left)
        asked = left[len(left) * missed // (missed + AWAY)]
        part = error / (steps(len(candidates)) + 1)
        error -= part
        match judge(asked, part):
            case True:
                bad = asked
            case False:
                goods.append(asked)
            case None:
                unknown.add(asked)
