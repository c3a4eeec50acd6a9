"""The doctor finds what is wrong on made-up machines, and nothing on a healthy one."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest

from bench.measure.host import doctor, gpu_monitor
from bench.measure.host.doctor import GRADES, Examination, Finding, Gpu, unused_gpu
from bench.measure.host.processor import cpu
from bench.measure.host.torch_build import Build

HEALTHY = {
    "proc/cpuinfo": "model name\t: M\nflags\t\t: fpu\n",
    "proc/loadavg": "0.02 0.10 0.20 1/200 4242\n",
    "proc/stat": "cpu  100 0 50 900 10 0 5 0 0 0\ncpu0 50 0 25 450 5 0 2 0 0 0\n",
    "proc/meminfo": (
        "MemTotal:  16000000 kB\nMemAvailable:  12000000 kB\nSwapTotal:  2000000 kB\nSwapFree:  2000000 kB\n"
    ),
    "proc/self/schedstat": "123 45 6\n",
    "proc/self/cgroup": "0::/app\n",
    "sys/fs/cgroup/app/cpu.stat": "throttled_usec 0\n",
    "sys/fs/cgroup/app/cpu.max": "max 100000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpufreq/boost": "0\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "0\n",
    "sys/class/power_supply/BAT0/status": "Full\n",
}

PROCESSORS = 4
GPU = Gpu("A100", persistent=True)
TORCH = Build("2.14.1")


@pytest.fixture(autouse=True)
def _four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of processors is asked of the system, not of files; nobody waits for a load to settle."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setattr(
        doctor, "cpu", lambda root: {**cpu(root), "usable": PROCESSORS, "logical": PROCESSORS, "physical": 2}
    )


def examination(
    root: Path,
    files: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    torch: Mapping[str, Any] | None = None,
    gpu: Gpu = GPU,
    build: Build = TORCH,
) -> Examination:
    """What is seen of a healthy machine of which `files` differ; None takes one away."""
    for name, content in (HEALTHY | dict(files or {})).items():
        if content is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
    return doctor.examine(root, environ or {}, dict(torch or {}), [gpu], build)


def examine(root: Path, *about: Any, **further: Any) -> list[Finding]:
    """The findings alone."""
    return list(examination(root, *about, **further).findings)


def test_a_healthy_machine_has_no_findings(tmp_path: Path) -> None:
    assert examine(tmp_path, torch={"threads": 4, "debug": False}) == []


QUOTA = "sys/fs/cgroup/app/cpu.max"
SYSTEM = [
    ("load", {"proc/loadavg": "1.10 1 1 2/200 1\n"}, False, "1.1 processes"),
    ("load", {"proc/loadavg": "3.00 1 1 2/200 1\n"}, True, "on 4 processors"),
    ("quota", {QUOTA: "450000 100000\n"}, False, "4.5 processors and has withheld 0.0 s"),
    (
        "quota",
        {QUOTA: "450000 100000\n", "sys/fs/cgroup/app/cpu.stat": "throttled_usec 1500000\n"},
        True,
        "withheld 1.5 s",
    ),
    ("governor", {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n"}, False, "powersave"),
    ("turbo", {"sys/devices/system/cpu/cpufreq/boost": "1\n"}, False, "above its nominal"),
    ("heat", {"sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "12\n"}, False, "12 times"),
    ("stolen time", {"proc/stat": "cpu  100 0 0 870 0 0 0 30 0 0\n"}, False, "took 3%"),
    ("stolen time", {"proc/stat": "cpu  100 0 0 800 0 0 0 100 0 0\n"}, True, "took 10%"),
    (
        "memory",
        {"proc/meminfo": HEALTHY["proc/meminfo"].replace("12000000", "800000")},
        True,
        "5% of the mem",
    ),
    (
        "memory",
        {"proc/meminfo": HEALTHY["proc/meminfo"].replace("SwapFree:  2000000", "SwapFree:  950000")},
        False,
        "1.0 GiB",
    ),
    ("battery", {"sys/class/power_supply/BAT0/status": "Discharging\n"}, True, "battery"),
    ("run-queue delay", {"proc/self/schedstat": None}, False, "schedstat"),
]


@pytest.mark.parametrize(("name", "files", "serious", "seen"), SYSTEM)
def test_what_the_system_tells(
    tmp_path: Path, name: str, files: dict[str, str | None], serious: bool, seen: str
) -> None:
    [finding] = examine(tmp_path, files)
    assert (finding.name, finding.serious) == (name, serious)
    assert seen in finding.seen
    assert finding.seen in str(finding)
    assert finding.effect in str(finding)
    assert finding.remedy in str(finding)


def test_a_quota_under_two_processors_is_too_few_and_too_few_for_the_threads(tmp_path: Path) -> None:
    found = examine(tmp_path, {QUOTA: "150000 100000\n"})
    assert [finding.name for finding in found] == ["processors", "threads", "quota"]
    assert "only 1.5 of 4 processors" in found[0].seen
    assert "4 threads (the default) for 1.5 processors" in found[1].seen
    assert "OMP_NUM_THREADS=1" in found[1].remedy


SETTINGS: list[tuple[str, dict[str, str], str]] = [
    ("threads", {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "8"}, "8 threads"),
    ("CUDA_LAUNCH_BLOCKING set", {"CUDA_LAUNCH_BLOCKING": "1"}, "CUDA_LAUNCH_BLOCKING=1"),
    ("NVIDIA_TF32_OVERRIDE set", {"NVIDIA_TF32_OVERRIDE": "0"}, "NVIDIA_TF32_OVERRIDE=0"),
    ("OPENBLAS_CORETYPE set", {"OPENBLAS_CORETYPE": "Nehalem"}, "OPENBLAS_CORETYPE=Nehalem"),
    ("LD_PRELOAD set", {"LD_PRELOAD": "/opt/libmkl_rt.so"}, "libmkl_rt"),
    ("debug build", {"PYTHONMALLOC": "debug"}, "PYTHONMALLOC=debug"),
]


@pytest.mark.parametrize(("name", "environ", "seen"), SETTINGS)
def test_what_variables_spoil(tmp_path: Path, name: str, environ: dict[str, str], seen: str) -> None:
    [finding] = examine(tmp_path, environ=environ)
    assert (finding.name, finding.serious) == (name, True)
    assert seen in finding.seen


@pytest.mark.parametrize(
    "environ",
    [
        {"OMP_NUM_THREADS": "4"},
        {"OMP_NUM_THREADS": "4,2"},
        {"CUDA_LAUNCH_BLOCKING": "0"},
        {"LD_PRELOAD": "/usr/lib/libjemalloc.so"},
        {"PYTHONMALLOC": "malloc"},
    ],
)
def test_what_variables_do_not_spoil(tmp_path: Path, environ: dict[str, str]) -> None:
    assert examine(tmp_path, environ=environ) == []


@pytest.mark.parametrize(
    ("name", "torch"), [("threads", {"threads": 16}), ("debug build", {"debug": True, "threads": 4})]
)
def test_what_torch_tells(tmp_path: Path, name: str, torch: dict[str, Any]) -> None:
    assert [finding.name for finding in examine(tmp_path, torch=torch)] == [name]


@pytest.mark.parametrize(
    ("name", "gpu", "serious", "seen"),
    [
        ("GPU users", Gpu("A100", users=(7, 9)), True, "A100: process 7, 9"),
        ("GPU clock", Gpu("A100", throttle=("power_cap", "hw_thermal_slowdown")), True, "A100: hw_thermal"),
        ("GPU persistence", Gpu("A100", persistent=False), False, "A100"),
    ],
)
def test_what_gpus_tell(tmp_path: Path, name: str, gpu: Gpu, serious: bool, seen: str) -> None:
    [finding] = examine(tmp_path, gpu=gpu)
    assert (finding.name, finding.serious) == (name, serious)
    assert seen in finding.seen


@pytest.mark.parametrize(("idle", "found"), [(900, True), (1000, False), (940, True)])
def test_load_that_is_over_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: int, found: bool
) -> None:
    """What has just installed the suites is no company: of 100 ticks that pass, so many are idle."""

    def pass_by(_seconds: float) -> None:
        busy = 1100 - idle
        (tmp_path / "proc/stat").write_text(f"cpu  {busy} 0 50 {idle} 10 0 5 0 0 0\n")

    monkeypatch.setattr("time.sleep", pass_by)
    findings = examine(tmp_path, {"proc/loadavg": "3.00 1 1 2/200 1\n"})
    assert [finding.name for finding in findings] == ["load"] * found


def test_a_power_cap_is_how_the_card_works(tmp_path: Path) -> None:
    assert examine(tmp_path, gpu=Gpu("A100", throttle=("power_cap",))) == []


def test_a_system_that_tells_nothing_still_gets_an_answer(tmp_path: Path) -> None:
    seen = doctor.examine(tmp_path, {}, nvidia=[])
    assert {fine.name for fine in seen.fine}.isdisjoint({"memory", "power", "governor", "heat", "GPU users"})
    names = {finding.name for finding in seen.findings}
    assert "run-queue delay" in names
    assert names <= {"run-queue delay", "load"}, "the load average is asked of the system then"


def test_nvml_is_asked_by_its_own_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    pynvml = pytest.importorskip("pynvml")
    nvml = create_autospec(pynvml)
    nvml.NVMLError = pynvml.NVMLError
    nvml.nvmlDeviceGetCount.return_value = 1
    nvml.nvmlDeviceGetName.return_value = "H200"
    nvml.nvmlDeviceGetComputeRunningProcesses.return_value = [SimpleNamespace(pid=7)]
    nvml.nvmlDeviceGetCurrentClocksThrottleReasons.return_value = 0x40 | 0x04 | 0x01
    nvml.nvmlDeviceGetPersistenceMode.side_effect = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert gpu_monitor.nvidia_gpus() == [Gpu("H200", (7,), ("power_cap", "hw_thermal_slowdown"), None)]
    nvml.nvmlShutdown.assert_called_once()


@pytest.mark.parametrize("absent", ["package", "driver"])
def test_without_nvml_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    if absent == "package":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    else:
        pynvml = pytest.importorskip("pynvml")
        error = pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: (_ for _ in ()).throw(error))
    assert gpu_monitor.nvidia_gpus() == []


def test_the_serious_come_first(tmp_path: Path) -> None:
    found = examine(
        tmp_path,
        {"sys/devices/system/cpu/cpufreq/boost": "1\n", "proc/loadavg": "9 9 9 1/1 1\n"},
        {"CUDA_LAUNCH_BLOCKING": "1"},
    )
    assert [finding.serious for finding in found] == [True, True, False]


def test_what_is_fine_is_said_too(tmp_path: Path) -> None:
    seen = examination(tmp_path, torch={"threads": 4, "debug": False})
    said = {fine.name: fine.seen for fine in seen.fine}
    assert said["memory"] == "75% of it is left"
    assert said["processors"] == "4 may be used"
    assert said["GPU users"] == "nobody else computes on A100"
    assert {"load", "quota", "power", "governor", "turbo", "heat", "stolen time", "threads"} <= set(said)


@pytest.mark.parametrize("name", ["load", "memory", "heat", "turbo", "governor"])
def test_what_is_found_is_not_fine(tmp_path: Path, name: str) -> None:
    spoiled: Any = next(files for of, files, *_ in SYSTEM if of == name)
    seen = examination(tmp_path, spoiled)
    assert name in {finding.name for finding in seen.findings}
    assert name not in {fine.name for fine in seen.fine}


@pytest.mark.parametrize(
    ("grade", "files", "environ"),
    [
        ("good", {}, {}),
        ("usable", {"sys/devices/system/cpu/cpufreq/boost": "1\n"}, {}),
        ("poor", {"sys/devices/system/cpu/cpufreq/boost": "1\n"}, {"CUDA_LAUNCH_BLOCKING": "1"}),
    ],
)
def test_the_worst_finding_decides_the_grade(
    tmp_path: Path, grade: str, files: dict[str, str], environ: dict[str, str]
) -> None:
    assert examination(tmp_path, files, environ).grade == grade
    assert grade in GRADES


DRIVER = "proc/driver/nvidia/version"
NVRM = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Tue Mar  5 22:23:56 UTC 2024\n"
CUDA_12, CUDA_13 = Build("2.14.1+cu126", "12.6"), Build("2.14.1+cu130", "13.0")


def with_gpu(driver: str) -> dict[str, str]:
    return {DRIVER: NVRM.format(driver), "dev/nvidia0": ""}


@pytest.mark.parametrize(
    ("driver", "build", "seen", "remedy"),
    [
        ("550.54.15", CUDA_13, "CUDA 13.0, which needs driver 580", "BENCH_TORCH_INDEX=https://download.pytorch.org/whl/cu126"),
        ("470.82.01", CUDA_13, "CUDA 13.0, which needs driver 580", "update the driver to 525 or later"),
        ("550.54.15", Build("2.14.1+cpu"), "without CUDA", "/whl/cu126 nox -s bench"),
        ("580.95.05", Build("2.14.1+cpu"), "without CUDA", "/whl/cu130 nox -s bench"),
    ],
)  # fmt: skip
def test_a_torch_that_cannot_use_the_gpu_is_told_with_the_line_that_mends_it(
    tmp_path: Path, driver: str, build: Build, seen: str, remedy: str
) -> None:
    [finding] = examine(tmp_path, with_gpu(driver), build=build)
    assert (finding.name, finding.serious) == ("torch", False)
    assert driver in finding.seen
    assert seen in finding.seen
    assert remedy in finding.remedy
    assert unused_gpu(tmp_path, {}, build) == finding


@pytest.mark.parametrize(
    ("driver", "build"), [("580.95.05", CUDA_13), ("550.54.15", CUDA_12), ("610.10", Build("3.1", "14.0"))]
)
def test_a_torch_that_fits_the_driver_is_fine(tmp_path: Path, driver: str, build: Build) -> None:
    seen = examination(tmp_path, with_gpu(driver), build=build)
    assert seen.findings == ()
    assert "torch" in {fine.name for fine in seen.fine}


def test_a_gpu_that_is_hidden_or_not_given_to_a_container_is_none(tmp_path: Path) -> None:
    assert examine(tmp_path, with_gpu("550.54.15"), {"CUDA_VISIBLE_DEVICES": ""}, build=CUDA_13) == []
    (tmp_path / "dev" / "nvidia0").unlink()
    assert examine(tmp_path, {DRIVER: NVRM.format("550.54.15")}, build=CUDA_13) == []
    assert unused_gpu(tmp_path, {}, CUDA_13) is None
