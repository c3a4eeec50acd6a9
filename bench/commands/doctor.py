"""What on this machine makes numbers untrustworthy: what it does to them, and what to do; and what is fine.

It ends with a grade: good without a finding, usable without a serious one, poor with one. Poor is exit
status 1, the others are 0, so that a script can stop there.
"""

import argparse

EXAMPLES = ("bench doctor",)


def declare(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def command(options: argparse.Namespace) -> int:  # noqa: ARG001 - every command is called alike
    """Exit status 0, or 1 where something makes numbers wrong."""
    from bench.measure.host.doctor import GRADES, examine

    seen = examine()
    for finding in seen.findings:
        print(f"{'!' if finding.serious else '-'} {finding.name}: {finding.seen}")
        print(f"    {finding.effect}.")
        print(f"    To do: {finding.remedy}.")
    for fine in seen.fine:
        print(f"+ {fine}")
    print(f"{seen.grade}: {GRADES[seen.grade]}")
    return int(seen.grade == "poor")
