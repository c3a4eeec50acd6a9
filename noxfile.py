"""Each session is one command you could type; all of them share one environment, made once.

`nox -s bench` makes `.venv`, or brings it up to date when pyproject.toml has changed, and measures there:
torch with CUDA takes 5 GB, too much for an environment for each session. `nox --no-install -s bench`
measures the torch that is already there; nothing is installed or replaced.

    BENCH_TORCH_INDEX   where to take torch and torchvision from, for a CPU-only or an older CUDA build, such
                        as https://download.pytorch.org/whl/cpu; it counts when .venv is made
    BENCH_TORCH         which torch, such as '==2.11.*'; each version has an environment of its own,
                        .venv-torch-2.11, beside the others
"""

# /// script
# dependencies = ["nox"]
# ///

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2025.2.9"  # nox.project.dependency_groups
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]

PROJECT = Path(__file__).parent
ENVIRONMENT = PROJECT / ".venv"
OLDEST_PYTHON = (3, 11)


NO_TESTS = 5
"""pytest's exit status where a selection holds none of one kind of tests."""


def run(session: nox.Session, module: str, *arguments: str, **options: Any) -> None:
    """Runs `python -m MODULE` with the Python that measures; options are those of `session.run`."""
    session.run(python(session), "-m", module, *arguments, external=True, **options)


def python(session: nox.Session) -> str:
    """The Python that measures: the project's environment, made or brought up to date first."""
    if session._runner.global_config.no_install:  # nox has no public way to ask
        return python_there(session)
    interpreter = environment() / "bin" / "python"
    if not interpreter.exists():
        session.run(new_enough_python(session), "-m", "venv", str(environment()), external=True)
    stamp, wanted = environment() / "installed-for", fingerprint()
    if not stamp.exists() or stamp.read_text() != wanted:
        for arguments in installations():
            session.run(str(interpreter), *arguments, "--no-compile", external=True)
        # pip would compile with one processor, and packages' own tests as well, a fifth of all. What cannot
        # be compiled, such as templates of code, is status 1.
        compiled = ("-qq", "-j", "0", "-x", "packages/.*/tests/", str(environment() / "lib"))
        session.run(str(interpreter), "-m", "compileall", *compiled, external=True, success_codes=(0, 1))
        stamp.write_text(wanted)
    return str(interpreter)


def environment() -> Path:
    """The project's environment: .venv, or that of the torch which BENCH_TORCH names."""
    if not (wanted := os.environ.get("BENCH_TORCH")):
        return ENVIRONMENT
    name = "-".join(re.findall(r"\w+(?:\.\w+)*", wanted))
    return ENVIRONMENT.with_name(f"{ENVIRONMENT.name}-torch-{name}")


def python_there(session: nox.Session) -> str:
    """The Python that nox runs in, if the project's dependencies are there; else .venv's, else `python3`."""
    if importlib.util.find_spec("pytest_benchmark"):
        return sys.executable
    interpreter = environment() / "bin" / "python"
    found = str(interpreter) if interpreter.exists() else shutil.which("python3")
    return found or session.error("no Python to measure with: there is neither .venv nor python3 on the PATH")


def new_enough_python(session: nox.Session) -> str:
    """The Python that nox runs in, or one on the PATH where that is too old."""
    if sys.version_info >= OLDEST_PYTHON:
        return sys.executable
    found = (shutil.which(f"python3.{minor}") for minor in (13, 12, 11))
    seen, oldest = ".".join(map(str, sys.version_info[:2])), ".".join(map(str, OLDEST_PYTHON))
    return next(filter(None, found), None) or session.error(
        f"nox runs in Python {seen}; the project needs {oldest} or later: install one and run nox with it"
    )


def fingerprint() -> str:
    """Changes when what is to be installed changes."""
    return hashlib.sha256(
        (PROJECT / "pyproject.toml").read_bytes() + repr(installations()).encode()
    ).hexdigest()


def installations() -> list[list[str]]:
    """What to run in the environment, one after the other: Python's arguments.

    An index named by BENCH_TORCH_INDEX is the only one that torch is taken from: beside another, pip would
    take the newest build of both. The project, its suites' dependencies and the tools follow. The torch that
    BENCH_TORCH names is asked for each time, so that nothing takes another in its place.
    """
    project = nox.project.load_toml(PROJECT / "pyproject.toml")
    pip = ["-m", "pip", "install", "--quiet"]
    tools = nox.project.dependency_groups(project, "tests", "lint")
    pinned = [f"torch{wanted}"] if (wanted := os.environ.get("BENCH_TORCH")) else []
    everything = [*pip, "--editable", f"{PROJECT}[{extra()},profile]", *tools, *pinned]
    if not (index := os.environ.get("BENCH_TORCH_INDEX")):
        return [everything]
    torch = [wanted for wanted in project["project"]["optional-dependencies"][extra()] if "torch" in wanted]
    return [[*pip, "--index-url", index, *torch, *pinned], everything]


def extra() -> str:
    """The suites' dependencies, with CUDA's where there is an NVIDIA driver."""
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return "suites-cuda" if driver else "suites"


@nox.session
def bench(session: nox.Session) -> None:
    """Measure every suite on every device present and write the report."""
    run(session, "bench", "run", *session.posargs)


@nox.session
def operations(session: nox.Session) -> None:
    """Measure every other operation of the course, and those of the courses that follow it."""
    run(session, "bench", "run", "suites/operations", "--minutes", "9", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Write the report of recorded runs again: nox -s report -- RUN..."""
    run(session, "bench", "report", *session.posargs)


@nox.session
def gate(session: nox.Session) -> None:
    """Judge a change against where it started from: nox -s gate -- --base origin/main.

    nox ends with the gate's own exit status: of a command that failed it would make 1, which says "slower".
    """
    judged = subprocess.run([python(session), "-m", "bench", "gate", *session.posargs])
    if judged.returncode:
        sys.exit(judged.returncode)


@nox.session
def calibrate(session: nox.Session) -> None:
    """Record how often the gate errs on this machine."""
    run(session, "bench", "calibrate", *session.posargs)


@nox.session
def profile(session: nox.Session) -> None:
    """Record where the time of cases goes: nox -s profile -- [CASE ...] [-k EXPR]"""
    run(session, "bench", "profile", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the project's own tests: side by side, then apart and in order those that rest on real time."""
    # Hundreds of processes import these, and a container may tell Python to keep nothing that it compiles.
    run(session, "compileall", "-q", "bench", "trust", "tests/simulation")
    # A module's tests share fixtures that take up to 40 s: they stay in one process. tests/conftest.py says
    # which modules begin first. Where teams of threads share processors, each waits for one that does not
    # run; so every test gets one thread.
    shared = ("-n", "logical", "--maxprocesses", "8", "--dist", "loadfile", "--no-loadscope-reorder")
    together = (*shared, "-m", "not machine")
    alone, success = {"OMP_NUM_THREADS": "1"}, (0, NO_TESTS)
    run(session, "pytest", *together, *session.posargs, env=alone, success_codes=success)
    apart = ("-p", "no:randomly", "-rx", "-m", "machine")
    run(session, "pytest", *apart, *session.posargs, success_codes=success)


@nox.session
def compatibility(session: nox.Session) -> None:
    """Run the worker's tests with the oldest or the newest pytest and torch: ... -- oldest|newest"""
    releases, *posargs = session.posargs or [""]
    if releases not in ("oldest", "newest"):
        session.error("expected nox -s compatibility -- oldest, or newest")
    environment = PROJECT / f".venv-{releases}"
    interpreter, constraints = str(environment / "bin" / "python"), environment / "constraints.txt"
    session.run(new_enough_python(session), "-m", "venv", "--clear", str(environment), external=True)
    constraints.write_text("\n".join(oldest()) if releases == "oldest" else "")
    for arguments in installations():
        session.run(interpreter, *arguments, "--constraint", str(constraints), external=True)
    session.run(interpreter, "-m", "pytest", "tests/measure/worker", *posargs, external=True)


def oldest() -> list[str]:
    """The oldest releases allowed of libraries whose private names bench/measure/compat.py uses."""
    project = nox.project.load_toml(PROJECT / "pyproject.toml")["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["suites"]]
    named = ("pytest>=", "pytest-benchmark>=", "torch>=", "torchvision>=")
    return [f"{each.replace('>=', '==')}.*" for each in requirements if each.startswith(named)]


@nox.session
def trust(session: nox.Session) -> None:
    """Prove on this machine that the numbers are true, section by section: nox -s trust -- [SECTION]"""
    run(session, "trust", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, types and the direction of imports."""
    run(session, "ruff", "check")
    run(session, "ruff", "format", "--check")
    run(session, "mypy")
    lint_imports = Path(python(session)).with_name("lint-imports")  # it cannot be run with -m
    session.run(str(lint_imports), external=True)


@nox.session
def smoke(session: nox.Session) -> None:
    """Run every benchmark once, untimed: on the processor, and on the simulated accelerator."""
    run(session, "tests.smoke", *session.posargs)


@nox.session
def crossovers(session: nox.Session) -> None:
    """Hold 200 crossovers of each kind against closed forms: made ones, and those of simulated runs."""
    session.env["BENCH_TRIALS"] = "200"
    files = [
        f"tests/analyze/contests/test_{name}.py"
        for name in ("simulated_crossovers", "crossover", "levels", "refine")
    ]
    run(session, "pytest", "-q", "-s", *files, *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Plant some 150 faults, each of which has to end well; read and gate what other releases made."""
    session.env["BENCH_FAULTS"] = "1"
    others = (
        "tests/app/sides/test_foreign_environment.py", "tests/storage/test_made_by_tools.py",
        "tests/suites/test_scaling_out.py",
    )  # fmt: skip
    run(session, "pytest", "-q", "-p", "no:randomly", "tests/faults", *others, *session.posargs)


@nox.session
def scale(session: nox.Session) -> None:
    """Time the report of a million blocks and the history of a thousand runs; --write notes it in docs/."""
    run(session, "tests.scale", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Make the committed examples again, and the README's answers: nox -s examples -- [NAME ...]"""
    run(session, "tests.project.examples", *session.posargs)


if __name__ == "__main__":
    nox.main()
