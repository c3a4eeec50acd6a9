"""Journals damaged at any byte: every outcome is a report or one line, and neighbours keep theirs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import bench
from bench.__main__ import main
from bench.app import stored
from bench.events import Header
from bench.storage import store
from bench.storage.journal import JOURNAL, Journal, StoreError
from tests import made_cases
from tests import recorded_runs as recorded


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = made_cases.curve("op", {"a": lambda n: 1e-5 * n, "b": lambda n: 2e-5 + 6e-6 * n}, [1, 4])
    folder = tmp_path_factory.mktemp("damage") / "whole"
    return recorded.write(folder, cases, launches=2, passes=1, per_visit=2)


Damage = Callable[[bytes], bytes]


def cut(at: float, length: int) -> Damage:
    return lambda data: data[: int(at * len(data))] + data[int(at * len(data)) + length :]


def flip(at: float, bit: int) -> Damage:
    def flipped(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]

    return flipped


def repeat(at: float, length: int) -> Damage:
    def repeated(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[: place + length] + data[place:]

    return repeated


def swap(first: float, second: float) -> Damage:
    """Two lines in each other's place; the header may be one of them."""

    def swapped(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        one, other = int(first * len(lines)), int(second * len(lines))
        lines[one], lines[other] = lines[other], lines[one]
        return b"".join(lines)

    return swapped


def zero(at: float, length: int) -> Damage:
    """Nothing but zeros, as after a power cut."""

    def zeroed(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + bytes(len(data[place : place + length])) + data[place + length :]

    return zeroed


def other_ends(_at: float) -> Damage:
    return lambda data: data.replace(b"\n", b"\r\n")


PLACES = st.floats(0, 1, exclude_max=True)
LENGTHS = st.integers(1, 40) | st.integers(1, 10**6)
DAMAGE = (
    st.builds(cut, PLACES, LENGTHS)
    | st.builds(flip, PLACES, st.integers(0, 7))
    | st.builds(repeat, PLACES, LENGTHS)
    | st.builds(swap, PLACES, PLACES)
    | st.builds(zero, PLACES, LENGTHS)
    | st.builds(other_ends, PLACES)
)


@settings(max_examples=80, phases=[Phase.generate])
@given(damages=st.lists(DAMAGE, min_size=1, max_size=2), drawn=st.integers(0, 19))
def test_a_damaged_journal_is_a_report_or_one_line(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, damages: list[Damage], drawn: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    data = (whole / JOURNAL).read_bytes()
    for damage in damages:
        data = damage(data) or b"{}\n"
    (folder / JOURNAL).write_bytes(data)
    try:
        made = stored.read([folder])
        assert made.contests is not None
        assert made.cases["median_s"].dropna().between(0, float("inf")).all()
        if drawn == 11:  # one in twenty; numbers at the ends are drawn far more often
            stored.write(made, folder / "report")
    except StoreError as error:
        said = str(error)
    else:
        said = str(folder)
    finally:
        shutil.rmtree(folder)
    assert "\n" not in said
    assert str(folder) in said


BAD_BLOCKS = [
    (b'"calls":', b'"calls":"'),
    (b'"calls":', b'"calls":-'),
    (b'"wall_s":', b'"wall_s":-'),
    (b'"wall_s":', b'"mall_s":'),
    (b'"kind":"wall"', b'"kind":null'),
    (b'"blocks":[{', b'"blocks":[7,{'),
    (b'"blocks":[{', b'"blocks":[null,{'),
    (b'"blocks":[{', b'"blocks":{"a":{'),
]


@pytest.mark.parametrize(("before", "after"), BAD_BLOCKS)
def test_a_block_that_is_none_is_named_by_its_line(
    whole: Path, tmp_path: Path, before: bytes, after: bytes
) -> None:
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    number = [place for place, line in enumerate(lines, start=1) if b'"wall"' in line][2]
    lines[number - 1] = lines[number - 1].replace(before, after, 1)
    (tmp_path / JOURNAL).write_bytes(b"".join(lines))
    with pytest.raises(StoreError, match=rf"line {number}: .* measure again, or cut that line out"):
        store.read_run(tmp_path)


def test_a_visit_of_no_case_is_damage(whole: Path, tmp_path: Path) -> None:
    mark = b'"visit","case":"'
    (tmp_path / JOURNAL).write_bytes((whole / JOURNAL).read_bytes().replace(mark, mark + b"x", 1))
    with pytest.raises(StoreError, match=r"has visits of 'x.*no line that says what that is"):
        store.read_run(tmp_path)


def test_a_visit_in_the_headers_place_is_damage(whole: Path, tmp_path: Path) -> None:
    _, *rest = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    rest.sort(key=lambda line: b'"event":"visit"' not in line)
    (tmp_path / JOURNAL).write_bytes(b"".join(rest))
    with pytest.raises(StoreError, match=r"line 1: seen .*visit.* expected a header"):
        store.read_run(tmp_path)


@pytest.fixture
def runs(whole: Path, tmp_path: Path) -> Path:
    """A folder with a good run, and with one broken, one foreign and one newer."""
    shutil.copytree(whole, tmp_path / "1-good")
    for name in ("2-broken", "3-newer", "4-foreign"):
        (tmp_path / name).mkdir()
    (tmp_path / "2-broken" / JOURNAL).write_bytes((whole / JOURNAL).read_bytes().replace(b":", b";", 40))
    (tmp_path / "3-newer" / JOURNAL).write_bytes(b'{"event":"header","version":99}\n')
    (tmp_path / "4-foreign" / JOURNAL).write_text("a diary: dear journal\n")
    return tmp_path


def test_a_broken_run_costs_its_folder_nothing_else(
    runs: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path_factory.mktemp("out")
    assert main(["report", str(runs), "--out", str(out)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    for line, name in zip(told, ("2-broken", "3-newer", "4-foreign"), strict=True):
        assert line.startswith("bench: warning: left out: ")
        assert name in line
    assert "test_op" in (out / "report.html").read_text("utf-8")
    with pytest.warns(UserWarning, match="left out"):
        assert set(bench.load(runs)["run"]) == {"whole"}
    assert main(["report", str(runs / "3-newer"), "--out", str(out)]) == 2, "named itself, it is an error"


def test_a_history_leaves_out_what_cannot_be_read(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("5-tabled", "6-cut"):
        shutil.copytree(runs / "1-good", runs / name)
        stored.write(stored.read([runs / name]))
    table = runs / "6-cut" / "cases.parquet"
    table.write_bytes(table.read_bytes()[:-9])
    assert main(["history", str(runs), "--out", str(runs / "page.html")]) == 0
    told = capsys.readouterr().out
    for name in ("2-broken", "3-newer", "4-foreign", "6-cut"):
        assert f"{name}/" in told
    assert "1 of 2 runs hold none of these cases, or have no tables yet" in told


def test_a_report_elsewhere_leaves_the_run_as_it_was(whole: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*")}
    written = stored.write(stored.read([whole]), tmp_path / "out")
    assert {path: path.read_bytes() for path in whole.rglob("*")} == before
    assert written.page == tmp_path / "out" / "report.html"
    assert (tmp_path / "out" / "cases.parquet").is_file()


def test_a_run_whose_header_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("no space")

    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").touch()
    monkeypatch.setattr(Journal, "append", full)
    for name in ("new", "there"):
        with pytest.raises(StoreError, match="no space"):
            Journal.create(tmp_path / name, Header())
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "notes.txt"]
