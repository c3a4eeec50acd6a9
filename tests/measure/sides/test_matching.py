"""Which case of base is which of head."""

import pytest

from bench.measure.sides.matching import match


def test_cases_are_matched_by_id_and_by_the_names_that_were_changed() -> None:
    base = {
        "a.py::test_same": "1",
        "a.py::test_edited": "1",
        "a.py::test_old[3]": "1",
        "a.py::test_gone": "1",
    }
    base |= {"a.py::test_lost": "1", "a.py::K::test_in_class[x]": "1"}
    head = {
        "a.py::test_same": "1",
        "a.py::test_edited": "2",
        "a.py::test_new[3]": "1",
        "a.py::test_more": "1",
    }
    head |= {"b.py::K::test_in_class[x]": "1"}
    renamed = {"test_old": "test_new", "a.py::K::test_in_class": "b.py::K::test_in_class"}
    found = match(base, head, renamed, ["test_gone*"])
    assert found.names == {
        "a.py::test_same": "a.py::test_same",
        "a.py::test_edited": "a.py::test_edited",
        "a.py::test_new[3]": "a.py::test_old[3]",
        "b.py::K::test_in_class[x]": "a.py::K::test_in_class[x]",
    }
    assert found.renamed["a.py::test_old[3]"] == "a.py::test_new[3]"
    assert (found.added, found.removed) == (("a.py::test_more",), ("a.py::test_gone",))
    assert (found.missing, found.edited) == (("a.py::test_lost",), ("a.py::test_edited",))


@pytest.mark.parametrize("params", ["[4]", "[a::b]", "[x[y]]", ""])
def test_renamed_case_keeps_its_parameters(params: str) -> None:
    found = match(
        {f"a.py::test_old{params}": ""}, {f"a.py::test_new{params}": ""}, {"test_old": "test_new"}, []
    )
    assert found.renamed == {f"a.py::test_old{params}": f"a.py::test_new{params}"}
