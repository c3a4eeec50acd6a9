"""docs/operations.md is what its generator makes now, and every operation in it is timed by some case."""

import pytest

from bench.analyze.questions.catalogue import OF_OPERATIONS
from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.start.process import Spec, Worker
from bench.records import Case
from tests import ROOT
from tests.project import operations_page

OPERATIONS = [each for _, operations in operations_page.sections() for each in operations]


def test_the_page_is_up_to_date() -> None:
    shown = operations_page.PAGE.read_text("utf-8")
    assert shown == operations_page.page(), "it is stale: run `python -m tests.project.operations_page`"


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, ...]:
    """All cases of all suites, on the processor and an accelerator."""
    pytest.importorskip("torchvision")
    import simulated_accelerator

    environment = simulated_accelerator.install(tmp_path_factory.mktemp("installed"))
    environment |= {"BENCH_PRESET": "thorough"}
    files = tuple(map(str, sorted((ROOT / "suites").rglob("test_*.py"))))
    with Worker(Spec(files, directory=ROOT, rootdir=ROOT, environment=environment)) as worker:
        return tuple(worker.collected(COLLECT_TIMEOUT_S).cases)


def test_every_operation_is_timed_by_a_case(cases: tuple[Case, ...]) -> None:
    ids = [case.id for case in cases]
    untimed = [each.name for each in OPERATIONS if not any(map(each.is_timed_by, ids))]
    assert not untimed


def test_every_family_of_operations_has_a_question(cases: tuple[Case, ...]) -> None:
    """Families are the tens of the files' numbers: test_11 to test_14 are of tensors."""
    asked = set()
    for question in OF_OPERATIONS:
        sought = question.between, question.operations
        fitting = [case for case in cases if (case.between, case.operation) == sought]
        contenders = {case.params[question.between] for case in fitting}
        assert contenders >= set(question.among), question
        asked |= {case.suite.split("_")[1][0] for case in fitting if "/operations/" in case.id}
    files = (ROOT / "suites" / "operations").glob("test_*.py")
    assert asked == {file.stem.split("_")[1][0] for file in files}


def test_an_operation_is_told_by_whole_values_of_its_cases() -> None:
    cat = operations_page.Operation("cat", "operations/test_x.py::test_join", ("cat",))
    assert cat.is_timed_by("suites/operations/test_x.py::test_join[cpu-cat-32]")
    assert not cat.is_timed_by("suites/operations/test_x.py::test_join[cpu-cat out=-32]")
    assert not cat.is_timed_by("suites/operations/test_x.py::test_join_all[cpu-cat-32]")


def test_a_reading_is_that_of_the_largest_size() -> None:
    product = operations_page.Operation("@", "test_03_matmul_mul.py::test_matmul", ())
    assert "n = 2048" in operations_page.reading(product, "example")
    absent = operations_page.Operation("?", "test_03_matmul_mul.py::test_absent", ())
    assert operations_page.reading(absent, "example") == operations_page.MISSING
