"""What on this machine makes numbers untrustworthy: what it does to them, and what to do."""

import argparse

EXAMPLES = ("bench doctor",)


def declare(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def command(options: argparse.Namespace) -> int:  # noqa: ARG001 - every command is called alike
    """Exit status 0, or 1 where something makes numbers wrong."""
    from bench.measure.host.doctor import findings

    problems = findings()
    for finding in problems:
        print(f"{'!' if finding.serious else '-'} {finding.name}: {finding.seen}")
        print(f"    {finding.effect}.")
        print(f"    To do: {finding.remedy}.")
    if not problems:
        print("Nothing seen that would make numbers untrustworthy.")
    return int(any(finding.serious for finding in problems))
