"""Which warnings get a sign at their case, and which are told once."""

from collections.abc import Sequence

import pandas as pd

from bench.render.parts.warnings import ranked


def cases(warnings: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"warnings": warnings, "blocks": 5})


def test_a_warning_of_few_cases_has_a_sign() -> None:
    found = ranked(cases(["drifts by +7 % within a launch", "drifts by +12 % within a launch", *[""] * 18]))
    assert found.acts == (True, True, *[False] * 18)
    (kind,) = found.kinds  # they differ in their numbers alone
    assert (kind.text, kind.rows, kind.quiet) == ("drifts by +7 % within a launch", (0, 1), False)


def test_what_most_cases_share_has_none() -> None:
    found = ranked(cases(["drifts by +7 % within a launch"] * 11 + [""] * 9))
    assert not any(found.acts)
    assert ranked(cases(["drifts by +7 % within a launch"] * 10 + [""] * 10)).acts[:10] == (True,) * 10


def test_of_a_handful_of_cases_all_may_have_trouble() -> None:
    assert ranked(cases(["still warming up: the first block"] * 3)).acts == (True, True, True)


def test_what_asks_for_nothing_has_none() -> None:
    quiet = "one launch: how far launches differ is taken from recorded machines"
    found = ranked(cases([quiet, f"{quiet}; keeps 80 bytes a call", *[""] * 18]))
    assert found.acts[:3] == (False, True, False)
    assert [(kind.quiet, kind.rows) for kind in found.kinds] == [(False, (1,)), (True, (0, 1))]


def test_cases_without_times_are_not_asked() -> None:
    frame = cases(["drifts by +7 % within a launch"] * 8 + [""] * 12)
    frame.loc[8:, "blocks"] = 0
    assert ranked(frame).acts[0]  # eight measured cases are a handful
