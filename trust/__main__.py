"""`python -m trust [SECTION ...]`: exit status 0; 1 where a demand does not hold; 130 on Ctrl-C."""

import argparse
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bench.storage.journal import StoreError
from trust import render

SECTIONS = [
    "busy",
    "repeat",
    "coverage",
    "peers",
    "cost",
    "simulated",
    "mutations",
    "absent",
    "planted",
    "forks",
]


def main(arguments: list[str]) -> int:
    """Proves the sections asked for, all of them by default, and says what does not hold."""
    parser = argparse.ArgumentParser(prog="python -m trust", description="The suite's own proof.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"any of: {', '.join(SECTIONS)}")
    parser.add_argument("--out", type=Path, default=Path("reports/trust"), metavar="DIR")
    parser.add_argument("--launches", type=int, metavar="N", help="launches of forks (default 20)")
    parser.add_argument("--runs", type=Path, nargs="+", default=[], metavar="RUN",
                        help="recorded runs that coverage holds against each other")  # fmt: skip
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing outlives it
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; expected any of: {', '.join(SECTIONS)}")
    if options.launches is not None and options.launches < 3:
        parser.error(f"--launches {options.launches}; expected three at least, since two tell of no scatter")
    failed = 0
    try:
        for section in options.sections or SECTIONS:
            given = {
                "forks": {"launches": options.launches} if options.launches else {},
                "coverage": {"runs": options.runs},
            }
            failed += _prove(section, options.out.resolve(), given.get(section, {}))
    except StoreError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("trust: interrupted; the sections that were finished are kept", file=sys.stderr)
        return 130
    print(render.write_page(options.out.resolve(), SECTIONS))
    return int(failed > 0)


def _prove(section: str, folder: Path, further: dict[str, Any]) -> int:
    """Proves one section, with further arguments, and writes it; how many of its demands do not hold."""
    begun_s, load_before = time.monotonic(), os.getloadavg()
    (folder / section).mkdir(parents=True, exist_ok=True)
    proof = importlib.import_module(f"trust.{section}").prove(folder / section, **further)
    render.write_section(folder, section, proof, load_before)
    print(f"{section}: {time.monotonic() - begun_s:.0f} s")
    for claim in proof.claims:
        mark = {None: " ", True: "+", False: "!"}[claim.passed]
        demanded = f"  (demanded: {claim.demanded})" if claim.demanded else ""
        print(f"  {mark} {claim.what}: {claim.read}{demanded}", flush=True)
    return sum(claim.passed is False for claim in proof.claims)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
