"""What the command line says of itself: help with examples, the version, and what may have been meant."""

import subprocess
import sys

import pytest

from bench.__main__ import COMMANDS, main, parser
from tests import ROOT
from tests.project import shown

HEAVY = {"torch", "pandas", "matplotlib", "numpy", "scipy", "psutil", "pytest", "rich"}


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command that ends while its arguments are parsed."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0), *capsys.readouterr()


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_ends_with_examples_that_work(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = output(capsys, *filter(None, [command]), "--help")
    heading, *examples = text.rstrip().partition("examples:")[2].splitlines()
    assert (status, heading) == (0, "")
    assert examples
    for example in examples:
        arguments = shown.of_bench(shown.words(example))
        assert arguments is not None
        assert command in (None, arguments[0])
        parser().parse_args(arguments)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom bench.__main__ import COMMANDS, main\n"
        "for command in ([], *([name] for name in COMMANDS), ['--version']):\n"
        "    try:\n        main([*command, '--help'] if command != ['--version'] else command)\n"
        "    except SystemExit:\n        pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_version_is_the_project_s(capsys: pytest.CaptureFixture[str]) -> None:
    status, text, _ = output(capsys, "--version")
    version = text.removeprefix("bench ").strip()
    assert status == 0
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text() or "not installed" in version


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["rnu"], "did you mean run?"),
        (["reprot", "reports/RUN"], "did you mean report?"),
        (["run", "--presett", "quick"], "did you mean --preset"),
        (["run", "--keywrod=x"], "see `bench run --help`"),
        (["gate", "--bsae=main"], "did you mean --base"),
        (["run", "--preset", "thorogh"], "did you mean thorough?"),
        (["budgets", "sett", "reports/RUN"], "did you mean set?"),
        (["report"], "see `bench report --help`"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_was_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text, error = output(capsys, *arguments)
    assert (status, text) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("bench")
    assert meant in line
