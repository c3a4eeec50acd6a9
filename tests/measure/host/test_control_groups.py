"""Control groups and what their quotas withhold, on files of the tests' own."""

from pathlib import Path

import pytest

from bench.measure.host import interference
from bench.measure.host.interference import Readings
from bench.measure.host.processor import control_groups, quota_processors, throttled_s


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    return folder


def test_groups_of_version_2_up_to_the_top(tmp_path: Path) -> None:
    write(tmp_path / "proc/self").joinpath("cgroup").write_text("0::/user/app\n")
    top = tmp_path / "sys/fs/cgroup"
    app = write(top / "user/app", cpu_stat="throttled_usec 1500000\n", cpu_max="150000 100000\n")
    user = write(top / "user", cpu_stat="throttled_usec 0\n", cpu_max="max 100000\n")
    write(top)
    assert control_groups(tmp_path) == [app, user]
    assert [quota_processors(group) for group in (app, user)] == [1.5, None]
    assert throttled_s((app / "cpu.stat").read_bytes()) == 1.5


def test_groups_of_version_1_seen_from_inside_a_container(tmp_path: Path) -> None:
    lines = "5:cpuset:/\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc\n"
    write(tmp_path / "proc/self").joinpath("cgroup").write_text(lines)
    top = write(tmp_path / "sys/fs/cgroup/cpu,cpuacct", cpu_stat="nr_periods 9\nthrottled_time 2000000000\n")
    (top / "cpu.cfs_quota_us").write_text("50000\n")
    (top / "cpu.cfs_period_us").write_text("100000\n")
    assert control_groups(tmp_path) == [top]
    assert quota_processors(top) == 0.5
    assert throttled_s((top / "cpu.stat").read_bytes()) == 2.0
    (top / "cpu.cfs_quota_us").write_text("-1\n")
    assert quota_processors(top) is None


def test_no_control_groups(tmp_path: Path) -> None:
    assert control_groups(tmp_path) == []


def test_what_a_quota_withheld(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = write(tmp_path, cpu_stat="throttled_usec 1000000\n", cpu_max="100000 100000\n")
    monkeypatch.setattr(interference, "control_groups", lambda: [group])
    readings = Readings()
    readings.before()
    (group / "cpu.stat").write_text("throttled_usec 1250000\n")
    assert readings.after().throttled_s == pytest.approx(0.25)


def test_nothing_is_withheld_without_a_quota_and_unknown_without_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = write(tmp_path, cpu_stat="throttled_usec 1000000\n", cpu_max="max 100000\n")
    for groups, expected in (([group], 0), ([], None)):
        monkeypatch.setattr(interference, "control_groups", lambda groups=groups: groups)
        readings = Readings()
        readings.before()
        assert readings.after().throttled_s == expected
