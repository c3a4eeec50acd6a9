"""The facts of a machine: read where they are told, absent where they are not, and never a secret."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.measure.host import environment, processor, system


def write(root: Path, **files: str) -> Path:
    """Files of a made-up system, by path with `/` written as `__`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


LAPTOP = {
    "proc__cpuinfo": "processor\t: 0\nmodel name\t: Ryzen 7\nflags\t\t: fpu avx2 hypervisor\n",
    "proc__self__cgroup": "0::/\n",
    "sys__fs__cgroup__cpu.stat": "throttled_usec 0\n",
    "sys__fs__cgroup__cpu.max": "150000 100000\n",
    "sys__class__dmi__id__sys_vendor": "QEMU\n",
    "sys__devices__system__cpu__cpu0__cache__index0__type": "Data\n",
    "sys__devices__system__cpu__cpu0__cache__index0__level": "1\n",
    "sys__devices__system__cpu__cpu0__cache__index0__size": "32K\n",
    "sys__devices__system__cpu__cpu0__cache__index1__type": "Instruction\n",
    "sys__devices__system__cpu__cpu0__cache__index1__level": "1\n",
    "sys__devices__system__cpu__cpu0__cache__index1__size": "64K\n",
    "sys__devices__system__cpu__cpu0__cpufreq__scaling_governor": "powersave\n",
    "sys__devices__system__cpu__cpu1__cpufreq__scaling_governor": "performance\n",
    "sys__devices__system__cpu__intel_pstate__no_turbo": "0\n",
    "etc__os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "proc__1__cgroup": "0::/kubepods/pod1\n",
    "proc__driver__nvidia__version": (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
        "GCC version:  gcc version 12.2.0\n"
    ),
}


def test_what_the_system_tells_is_read(tmp_path: Path) -> None:
    facts = environment.environment([{"device": "cuda", "name": "H200"}], write(tmp_path, **LAPTOP))
    cpu = facts["cpu"]
    assert (cpu["model"], cpu["caches"], cpu["turbo"]) == ("Ryzen 7", {"L1": "32K"}, True)
    assert cpu["governors"] == ["performance", "powersave"]
    assert cpu["quota_processors"] == 1.5
    assert (facts["virtualization"], facts["container"]) == ("QEMU", "kubepods")
    assert facts["os"]["distribution"] == "Debian GNU/Linux 12"
    assert facts["nvidia_driver"] == "550.54.15"
    assert facts["machine"].startswith("Ryzen 7, ")
    assert facts["machine"].endswith(" cores, H200")
    assert facts["packages"].keys() >= {"numpy", "pytest", "pytest-benchmark"}
    assert json.loads(json.dumps(facts)) == facts


def test_what_the_system_does_not_tell_is_absent(tmp_path: Path) -> None:
    facts = environment.environment([], tmp_path)
    cpu = facts["cpu"]
    assert (cpu["caches"], cpu["governors"], cpu["turbo"], cpu["quota_processors"]) == ({}, [], None, None)
    assert (facts["virtualization"], facts["container"], facts["nvidia_driver"]) == (None, None, None)
    assert facts["os"]["distribution"] is None
    assert cpu["model"], "some name there always is"
    assert facts["machine"].endswith("no accelerator")


@pytest.mark.parametrize(
    ("files", "on"),
    [
        ({"sys__devices__system__cpu__intel_pstate__no_turbo": "1"}, False),
        ({"sys__devices__system__cpu__cpufreq__boost": "1"}, True),
        ({"sys__devices__system__cpu__cpufreq__boost": "0"}, False),
    ],
)
def test_turbo_by_either_driver(tmp_path: Path, files: dict[str, str], on: bool) -> None:
    assert processor.turbo(write(tmp_path, **files)) is on


def test_a_machine_keeps_its_id_until_what_matters_changes() -> None:
    cpu = {"model": "M", "physical": 2, "logical": 4, "quota_processors": None}
    known = environment.machine_id(cpu, 16 * 2**30, ["A", "B"])
    assert len(known) == 12
    assert environment.machine_id({**cpu, "governors": ["x"]}, 16 * 2**30 - 10**6, ["B", "A"]) == known
    others = [
        environment.machine_id({**cpu, "model": "N"}, 16 * 2**30, ["A", "B"]),
        environment.machine_id({**cpu, "quota_processors": 1.0}, 16 * 2**30, ["A", "B"]),
        environment.machine_id(cpu, 32 * 2**30, ["A", "B"]),
        environment.machine_id(cpu, 16 * 2**30, ["A"]),
    ]
    assert len({known, *others}) == 5


def test_only_variables_that_change_speed_are_recorded() -> None:
    speed = {"OMP_NUM_THREADS": "4", "CUDA_LAUNCH_BLOCKING": "1", "PYTORCH_CUDA_ALLOC_CONF": "x"}
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "s", "GITHUB_TOKEN": "s", "TORCH_TOKEN": "s", "CUDA_PASSWORD": "s",
        "HOME": "/x", "BENCH_TORCH_INDEX": "https://user:password@example.org",
    }  # fmt: skip
    assert environment.variables(speed | secrets) == speed


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_commit_and_changes_since(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert environment.commit(tmp_path) == {}, "nothing is committed yet"
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "First")
    (tmp_path / "untracked").touch()
    clean = environment.commit(tmp_path)
    assert len(clean["id"]) == 40
    assert (clean["branch"], clean["dirty"]) == ("trunk", False)
    assert clean["time"].startswith("20")
    (tmp_path / "file").write_text("two")
    assert environment.commit(tmp_path) == {**clean, "dirty": True}


def test_no_commit_outside_a_repository_or_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.commit(tmp_path) == {}
    monkeypatch.setenv("PATH", "")
    assert environment.commit(Path(__file__).parent) == {}


def test_a_command_that_fails_says_nothing() -> None:
    assert system.output("false") is None
    assert system.output("no-such-command-anywhere") is None
    assert system.output("echo", "hello") == "hello"


def test_torch_tells_its_build_and_flags() -> None:
    torch = pytest.importorskip("torch")
    facts = environment.torch_facts()
    assert facts["version"] == torch.__version__
    assert facts["threads"] == torch.get_num_threads()
    assert json.loads(json.dumps(facts)) == facts
