"""The command line: `bench COMMAND ...`, also as `python -m bench COMMAND ...`.

It parses and hands over; what a command does is in the module of `bench.commands` named after it. Nothing
heavy is imported before a command needs it.
"""

import errno
import os
import signal
import sys


def _leave(*_: object) -> None:
    """Ends the process at once: nothing has begun yet."""
    os.write(2, b"bench: interrupted\n")
    os._exit(130)


OURS = __name__ == "__main__" or os.path.basename(sys.argv[0]) == "bench"
"""Whether the process is a command of ours alone; else main was imported, as by a test."""

if OURS and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)  # already while modules are imported

import argparse  # noqa: E402 - what ends it comes first
import importlib  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from contextlib import suppress  # noqa: E402
from pathlib import Path  # noqa: E402

from bench.commands.parsing import Parser, Version, examples  # noqa: E402

COMMANDS = {
    "run": "measure suites on every device present and write the report",
    "list": "the cases that `run` would measure",
    "profile": "where the time of cases goes: a trace, operators, Python stacks",
    "gate": "the verdict on a change, against the revision it started from",
    "bisect": "the commit that made a case slower, between a good one and a bad one",
    "explain": "what differs between two sides of a case, in words",
    "report": "the report of one run, or of several side by side",
    "compare": "two stored runs",
    "history": "where a case's time changed over many runs",
    "budgets": "write what cases may take into pyproject.toml, from a run",
    "calibrate": "the gate's own false-alarm and miss rates on this machine",
    "doctor": "what on this machine makes numbers untrustworthy",
}

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a disk that takes no more, or of a terminal that has gone."""

NO_TEMPORARY = "No usable temporary directory"
"""How Python's tempfile says that neither TMPDIR nor any other folder takes a file."""

EXAMPLES = (
    "bench doctor",
    "bench run --preset quick",
    "bench report reports/RUN",
    "bench gate --base origin/main",
)


def parser() -> argparse.ArgumentParser:
    """Every command with its arguments, each declared by the command's own module."""
    top = Parser(
        prog="bench",
        description="Benchmarks for what every PyTorch course teaches.",
        epilog=examples(EXAMPLES),
    )
    top.add_argument("--version", action=Version, nargs=0, help="show the version, and exit")
    top.words += COMMANDS
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        module = importlib.import_module(f"bench.commands.{name}")
        end = examples(module.EXAMPLES)
        sub = commands.add_parser(name, help=summary, description=module.__doc__, epilog=end)
        module.declare(sub)
        sub.set_defaults(command=module.command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status.

    2 is for what the user has to put right, 70 for an error of our own (EX_SOFTWARE of sysexits.h), 130 for
    Ctrl-C, and for being asked to end otherwise.
    """
    _open_what_is_closed()
    if hasattr(sys.stdout, "reconfigure"):  # not where it is replaced
        sys.stdout.reconfigure(errors="backslashreplace")  # a name of a case that its encoding lacks
    try:
        _end_as_on_ctrl_c()
        return _run(parser().parse_args(arguments))
    except KeyboardInterrupt:
        _finish()
        # Interrupted within an exec, as of a dataclass, Python would end by the signal, not by our status.
        exec("")
        print("bench: interrupted", file=sys.stderr)
        return 130
    finally:
        _finish()


def _open_what_is_closed() -> None:
    """Opens what the caller closed of stdin, stdout and stderr, as by `>&-`: a journal that is opened would
    else take its place, and others would print into it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))


def _finish() -> None:
    """Lets no second Ctrl-C cut off what is left to do, which takes a moment, and must be done."""
    if OURS:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_as_on_ctrl_c() -> None:
    """Lets whatever asks this process to end do so in good order; what nohup ignores stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.SIG_DFL, _leave):
            signal.signal(number, signal.default_int_handler)


def _run(options: argparse.Namespace) -> int:
    from bench.app import UserError
    from bench.plain import visible
    from bench.storage.journal import StoreError

    try:
        os.getcwd()
    except FileNotFoundError:
        print("bench: the working directory is gone; change into one that is there", file=sys.stderr)
        return 2
    try:
        status = int(options.command(options))
        sys.stdout.flush()  # what cannot be written is told here, not at Python's end
        return status
    except (UserError, StoreError) as error:
        print(f"bench: {visible(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, such as `head`, has left
        _print_no_more()
        return 1
    except Exception as error:
        if os.environ.get("BENCH_TRACEBACK"):
            raise
        if isinstance(error, FileNotFoundError) and NO_TEMPORARY in str(error):
            told = f"no temporary file can be made ({error.strerror}); make room, or set TMPDIR"
            print(f"bench: {told}", file=sys.stderr)
            return 2
        if told := _full(error):
            with suppress(OSError):
                print(f"bench: {told}", file=sys.stderr)
            _print_no_more()
            return 2
        print(f"bench: {_our_own(error, getattr(options, 'out', None))}", file=sys.stderr)
        return 70


def _print_no_more() -> None:
    """Closes what cannot be printed to: Python would try again at its end, and exit with another status."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.close()


def _full(error: Exception) -> str:
    """What to tell of a disk or a terminal that takes no more; "" of other errors."""
    if not isinstance(error, OSError) or error.errno not in FULL:
        return ""
    return (
        f"nothing more can be written ({error.strerror}), to a file or to where this is printed; "
        "make room, or print elsewhere; whatever was measured is kept"
    )


def _our_own(error: Exception, out: str | Path | None) -> str:
    """What a user is to do about an error of ours; the newest journal shows what led to it."""
    found = (
        Path(out).rglob("journal.jsonl") if out and Path(out).is_dir() else ()
    )  # a calibration's lie deeper
    journal = max(found, key=lambda each: each.stat().st_mtime, default=None)
    kept = f"; what was measured is kept in {journal}" if journal else ""
    return (
        f"an error of its own, {type(error).__name__}: {error}{kept}; please report it, with that journal if "
        "there is one; BENCH_TRACEBACK=1 shows where it arose"
    )


if __name__ == "__main__":
    sys.exit(main())
