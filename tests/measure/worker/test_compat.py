"""Private names of other libraries stand in one module, and each that is gone is told in a sentence."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench.measure import compat
from bench.measure.start.process import Spec, Worker, WorkerError
from tests import ROOT
from tests.waiting import PATIENCE_S

COMPAT = Path(compat.__file__)
MODULES = [file for file in (ROOT / "bench").rglob("*.py") if file != COMPAT]
STANDARD = {"_exit", "_asdict"}
"""Public names of the standard library that begin with an underscore."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def private_attributes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.attr


def own_names(tree: ast.AST) -> Iterator[str]:
    """What a module defines: functions, classes, variables, and attributes of `self` and `cls`."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name


def foreign_names(text: str) -> set[str]:
    """The private names of others that a module uses: attributes, strings, modules that it imports."""
    tree = ast.parse(text)
    needed = {name for _, _, names in compat.NEEDED for name in names} | {"_sleep"}
    found = set(private_attributes(tree)) - set(own_names(tree)) - STANDARD
    found |= set(private_attributes(tree)) & needed  # of an object that a class of ours inherits from
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in needed:
            found.add(node.value)
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        parts = {part for module in modules for part in module.split(".")}
        found |= set(filter(is_private, parts))
    return found


def test_no_other_module_uses_private_names_of_others() -> None:
    used = {file.relative_to(ROOT).as_posix(): foreign_names(file.read_text("utf-8")) for file in MODULES}
    assert {file: names for file, names in used.items() if names} == {}
    assert foreign_names(COMPAT.read_text("utf-8")) >= {"_initrequest", "_mode", "_sleep"}


NEEDED = [(library, owner, name) for library, owner, names in compat.NEEDED for name in names]


def test_all_names_are_there() -> None:
    compat.check()


@pytest.mark.parametrize(("library", "owner", "name"), NEEDED, ids=[name for *_, name in NEEDED])
def test_a_name_that_is_gone_is_told_before_anything_is_measured(
    library: str, owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "NEEDED", [(library, owner, [name])])
    lose(monkeypatch, owner, name)
    pattern = rf"^{library} [\d.]+\S* has no {owner.__name__}\.{name} any more.*pip install \"{library}<="
    with pytest.raises(compat.CompatError, match=pattern):
        compat.check()


def lose(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Takes a name from a class: the method of that name, else whatever mentions the attribute."""
    if name in vars(owner):
        monkeypatch.delattr(owner, name)
        return
    for class_ in owner.__mro__:
        for key, member in list(vars(class_).items()):
            function = getattr(member, "fget", member)
            if name in getattr(getattr(function, "__code__", None), "co_names", ()):
                monkeypatch.setattr(class_, key, nothing)


def nothing(*_: object) -> None:
    pass


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (
            lambda: compat.fixtures(cast(Any, SimpleNamespace()), "device"),
            r"pytest \S+ has no Metafunc\._arg2fixturedefs",
        ),
        (lambda: compat.recorded_events(SimpleNamespace()), r"torch \S+ has no profiler.*kineto_results"),
    ],
)
def test_what_some_runs_alone_need_is_told_where_they_need_it(use: Callable[[], Any], name: str) -> None:
    if name.startswith("torch"):
        pytest.importorskip("torch")
    with pytest.raises(compat.CompatError, match=name):
        use()


def test_a_worker_refuses_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(benchmark):\n    benchmark(len, ())\n")
    (tmp_path / "sitecustomize.py").write_text("import pytest\ndel pytest.Function._initrequest\n")
    spec = Spec((str(tmp_path),), directory=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    with Worker(spec) as worker, pytest.raises(WorkerError) as refused:
        worker.collected(PATIENCE_S)
    assert refused.value.outcome == "refused"
    assert re.fullmatch(r"pytest \S+ has no Function\._initrequest any more, .*", str(refused.value))


@pytest.mark.parametrize("started", ["", "cuda", "npu"])
def test_a_fork_after_a_driver_was_started_is_known(started: str) -> None:
    """By what torch's modules say of it, the one of an accelerator from elsewhere among them."""

    def module(name: str) -> SimpleNamespace:
        return SimpleNamespace(_is_in_bad_fork=lambda: name == started)

    private = SimpleNamespace(_get_privateuse1_backend_name=lambda: "npu")
    torch = SimpleNamespace(_C=private, cuda=module("cuda"), npu=module("npu"), xpu=SimpleNamespace())
    assert compat.in_bad_fork(torch) == bool(started)


def test_torch_tells_of_forks() -> None:
    torch = pytest.importorskip("torch")
    assert callable(torch.cuda._is_in_bad_fork)
    assert not compat.in_bad_fork(torch)


def test_what_pytest_rewrites_is_known() -> None:
    assert compat.is_rewritten(sys.modules[__name__])
    assert not compat.is_rewritten(pytest)
