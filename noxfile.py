"""Each session is one command you could type; all of them share one environment, made once.

`nox -s bench` makes `.venv` (or uses the `.venv` that nox runs in) and installs the project there;
`nox --no-install -s bench` uses the Python that runs nox and installs nothing. torch with CUDA takes 5 GB,
so an environment for each session is out of the question.

    BENCH_TORCH_INDEX   package index for another build of torch, such as a CPU-only or an older CUDA one
"""

# /// script
# dependencies = ["nox"]
# ///

import hashlib
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".venv"
GROUPS = ("tests", "lint")


def extra() -> str:
    """The dependencies of the suites, with CUDA's where an NVIDIA driver is present."""
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return "suites-cuda" if driver else "suites"


def python(session: nox.Session) -> str:
    """The Python that measures: the project's environment, made or brought up to date first."""
    if not session._runner.global_config.install_only and session._runner.global_config.no_install:
        return sys.executable
    scripts = ENVIRONMENT / "bin" / "python"
    if not scripts.exists():
        session.run(sys.executable, "-m", "venv", str(ENVIRONMENT), external=True)
    stamp, wanted = ENVIRONMENT / "bench-installed", fingerprint()
    if not stamp.exists() or stamp.read_text() != wanted:
        session.run(str(scripts), *install_command(session.env.get("BENCH_TORCH_INDEX")), external=True)
        stamp.write_text(wanted)
    return str(scripts)


def fingerprint() -> str:
    """Changes when what is to be installed changes."""
    return hashlib.sha256((HERE / "pyproject.toml").read_bytes() + extra().encode()).hexdigest()


def install_command(index: str | None) -> list[str]:
    """pip's arguments: the project in place, its suites' dependencies, the tools of tests and lint."""
    groups = [f"--group={HERE / 'pyproject.toml'}:{group}" for group in GROUPS]
    indexes = ["--extra-index-url", index] if index else []
    return ["-m", "pip", "install", "--quiet", *indexes, "-e", f"{HERE}[{extra()}]", *groups]


def bench(session: nox.Session, *arguments: str) -> None:
    session.run(python(session), "-m", "bench", *arguments, *session.posargs, external=True)


@nox.session(name="bench")
def bench_session(session: nox.Session) -> None:
    """Measure every suite on every device present and write the report."""
    bench(session, "run")


@nox.session
def report(session: nox.Session) -> None:
    """Write the report of recorded runs again: nox -s report -- RUN..."""
    bench(session, "report")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the project's own tests."""
    session.run(python(session), "-m", "pytest", *session.posargs, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and types."""
    interpreter = python(session)
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        session.run(interpreter, "-m", *command, external=True)


@nox.session
def smoke(session: nox.Session) -> None:
    """Run every benchmark once, untimed."""
    command = ["-m", "pytest", "suites", "--benchmark-disable", "-q"]
    session.run(python(session), *command, *session.posargs, external=True)


if __name__ == "__main__":
    nox.main()
