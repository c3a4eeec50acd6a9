"""Faults of a project: its files, settings, paths and environment, and how `bench run` ends among them."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class InProject:
    """What is put into the project beside its two good cases, and how a run of it ends.

    `measured` says whether the good cases are; `says` is in what the command prints.
    """

    name: str
    files: dict[str, str] = field(default_factory=dict)
    status: int = 0
    says: str = ""
    measured: bool = True
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = ()


def ini(text: str) -> dict[str, str]:
    return {"pytest.ini": f"[pytest]\n{text}\n"}


def conftest(text: str) -> dict[str, str]:
    return {"conftest.py": text}


def hook(name: str, body: str, decorator: str = "@pytest.hookimpl(tryfirst=True)") -> dict[str, str]:
    return conftest(f"import os, pytest\n{decorator}\ndef pytest_{name}:\n    {body}\n")


CASE = "def test_it(benchmark):\n    benchmark(sum, [1])\n"

IN_PROJECTS = (
    # Files that cannot be collected.
    InProject("syntax_error", {"test_m.py": "def test_it(:\n"}, 1, "SyntaxError"),
    InProject("null_bytes", {"test_m.py": "x = 1\0\n"}, 1, "null bytes"),
    InProject("import_error", {"test_m.py": "import nothing_like_it\n"}, 1, "nothing_like_it"),
    InProject("raises_at_import", {"test_m.py": "raise RuntimeError('no licence')\n"}, 1, "no licence"),
    InProject(
        "skips_itself", {"test_m.py": "import pytest\npytest.importorskip('nothing_like_it')\n"}, 0, "skipped"
    ),
    InProject("same_name_twice", {"test_m.py": CASE, "other/test_m.py": CASE}, 1, "unique basename"),
    InProject(
        "exits_at_import",
        {"test_m.py": "import os; os._exit(7)\n"},
        2,
        "status 7, while it looked into test_m.py",
        measured=False,
    ),
    InProject("leaves_at_import", {"test_m.py": "raise SystemExit(3)\n"}, 1, "SystemExit: 3"),
    InProject("pytest_exits_at_import", {"test_m.py": "import pytest; pytest.exit('enough')\n"}, 1, "enough"),
    InProject(
        "crashes_at_import",
        {"test_m.py": "import ctypes; ctypes.string_at(0)\n"},
        2,
        "SIGSEGV",
        measured=False,
    ),
    InProject(
        "unknown_marker_strict",
        {"test_m.py": "import pytest\n@pytest.mark.odd\n" + CASE, **ini("addopts = --strict-markers")},
        1,
        "odd",
    ),
    InProject(
        "ids_alike",
        {
            "test_m.py": "import pytest\n@pytest.mark.parametrize('n', [1, 2], ids=['a', 'a'])\n"
            "def test_it(benchmark, n):\n    benchmark(sum, [n])\n"
        },
    ),
    InProject("ids_duplicated_in_a_class", {"test_m.py": CASE + CASE}),
    InProject("not_utf8_source", {"test_m.py": "# -*- coding: latin-1 -*-\n" + CASE}),
    InProject(
        "nothing_there", status=2, says="no benchmarks", measured=False, arguments=("-k", "nothing", ".")
    ),
    InProject("no_such_path", status=2, says="does not exist", measured=False, arguments=("nowhere",)),
    InProject("no_such_test", status=2, says="", measured=False, arguments=("test_a.py::test_nowhere",)),
    # conftest and plugins.
    InProject("conftest_raises", conftest("raise RuntimeError('no data')\n"), 2, "no data", measured=False),
    InProject("conftest_syntax", conftest("def (\n"), 2, "SyntaxError", measured=False),
    InProject("conftest_exits", conftest("import os; os._exit(9)\n"), 2, "status 9", measured=False),
    InProject("steals_the_loop", hook("runtestloop(session)", "return True"), 2, "pytest", measured=False),
    InProject(
        "steals_the_protocol", hook("runtest_protocol(item)", "return True"), 5, "skipped", measured=False
    ),
    InProject(
        "drops_all_tests",
        hook("collection_modifyitems(items)", "items[:] = []"),
        2,
        "no benchmarks",
        measured=False,
    ),
    InProject("doubles_all_tests", hook("collection_modifyitems(items)", "items += items")),
    InProject(
        "collection_hook_raises",
        hook("collection_modifyitems(items)", "1 / 0"),
        2,
        "ZeroDivisionError",
        measured=False,
    ),
    InProject(
        "setup_hook_raises", hook("runtest_setup(item)", "raise OSError('full')"), 1, "full", measured=False
    ),
    InProject(
        "report_hook_raises",
        hook("runtest_logreport(report)", "1 / 0"),
        1,
        "ZeroDivisionError",
        measured=False,
    ),
    InProject("finish_hook_raises", hook("sessionfinish(session)", "1 / 0")),
    InProject("finish_hook_exits", hook("sessionfinish(session)", "os._exit(4)")),
    InProject("unconfigure_hangs", hook("unconfigure(config)", "import time; time.sleep(999)")),
    InProject(
        "wraps_the_fixture",
        conftest(
            "import pytest\n@pytest.fixture\n"
            "def benchmark(benchmark):\n    benchmark.group = 'g'\n    return benchmark\n"
        ),
    ),
    InProject(
        "hook_unknown",
        conftest("def pytest_nothing_like_it():\n    pass\n"),
        2,
        "unknown hook",
        measured=False,
    ),
    # Settings.
    InProject("option_unknown", ini("addopts = --nothing-like-it"), 2, "--nothing-like-it", measured=False),
    InProject("many_workers", ini("addopts = -n 2 --dist loadfile")),
    InProject(
        "stops_at_first",
        {"test_a0.py": "def test_it(benchmark):\n    assert 0\n", **ini("addopts = -x --maxfail 1")},
        1,
        "assert 0",
    ),
    InProject("last_failed_only", ini("addopts = --lf --sw")),
    InProject("benchmark_skipped", ini("addopts = --benchmark-skip")),
    InProject("benchmark_disabled", ini("addopts = --benchmark-disable")),
    InProject("benchmark_autosaves", ini("addopts = --benchmark-autosave --benchmark-json=out.json")),
    InProject("benchmark_off", ini("addopts = -p no:benchmark"), 2, "switched off", measured=False),
    InProject("warnings_are_errors", ini("filterwarnings = error")),
    InProject("strict", ini("addopts = --strict-config --strict-markers\nxfail_strict = true")),
    InProject("quiet", ini("addopts = -qq --no-header --tb=no --capture=no")),
    InProject("debugs", ini("addopts = --pdb --trace")),
    InProject("collects_only", ini("addopts = --collect-only")),
    InProject("shows_help", ini("addopts = --help"), 2, "", measured=False),
    InProject("imports_as_lib", ini("addopts = --import-mode=importlib")),
    InProject(
        "other_file_names", {**ini("python_files = speed_*.py"), "speed_m.py": CASE}, measured=False, status=0
    ),
    InProject("broken_ini", {"pytest.ini": "pytest]\n"}, 2, "pytest.ini", measured=False),
    *(
        InProject(
            f"not_utf8_{name}",
            {name: f"[{section}]\n# gr\udcfc\udcdfe\n"},
            2,
            f"/{name} is not UTF-8, as pytest expects its settings: its line 2 has the byte 0xfc",
            measured=False,
        )
        for name, section in (
            ("pytest.ini", "pytest"),
            ("setup.cfg", "tool:pytest"),
            ("tox.ini", "pytest"),
            ("pyproject.toml", "tool.pytest.ini_options"),
        )
    ),
    InProject("section_of_old", {"setup.cfg": "[pytest]\n"}, 2, "setup.cfg", measured=False),
    InProject("broken_pyproject", {"pyproject.toml": "[tool.pytest\n"}, 2, "pyproject.toml", measured=False),
    # The environment.
    InProject(
        "addopts_in_the_environment",
        environment={"PYTEST_ADDOPTS": "--nothing-like-it"},
        status=2,
        says="--nothing",
        measured=False,
    ),
    InProject(
        "plugins_not_loaded",
        environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        status=2,
        says="switched off",
        measured=False,
    ),
    InProject("no_home", environment={"HOME": "/proc/nowhere"}),
    InProject("python_warns", python=("-W", "error::DeprecationWarning:test_a")),
    InProject("python_optimizes", environment={"PYTHONOPTIMIZE": "2"}),
    InProject("python_hash", environment={"PYTHONHASHSEED": "0"}),
    InProject("python_debugs", environment={"PYTHONDEVMODE": "1"}),
    InProject(
        "ascii_only",
        {"test_ä.py": CASE.replace("sum, [1]", "sum, 'ä'")},
        1,
        "TypeError",
        environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
    ),
    InProject("no_terminal", environment={"TERM": "", "COLUMNS": "0", "NO_COLOR": "1"}),
    # Names and paths.
    InProject("spaces_and_accents", {"a b/ünï ☃/test_m n.py": CASE}),
    InProject("odd_names", {"-k/test_[x].py": CASE, "a::b/test_m.py": CASE, 'it\'s/test_"q".py': CASE}),
    InProject(
        "long_names", {f"{'d' * 200}/test_{'m' * 200}.py": CASE.replace("test_it", "test_" + "n" * 5000)}
    ),
    InProject(
        "long_ids",
        {
            "test_m.py": "import pytest\n@pytest.mark.parametrize('s', ['x' * 10**6, '\\n\\x1b[31m', ''])\n"
            "def test_it(benchmark, s):\n    benchmark(len, s)\n"
        },
    ),
)
