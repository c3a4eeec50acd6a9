"""The facts that make a number repeatable: processor, memory, system, Python, packages, torch, commit, load.

Functions that read the system take its root folder, so that a made-up /proc and /sys will do. What a system
does not say is None or left out, never guessed.
"""

import hashlib
import os
import platform
import re
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.measure.host.processor import cpu
from bench.measure.host.system import ROOT, Facts, field, output, text
from bench.measure.host.torch_build import nvidia_driver

PACKAGES = (
    "torch", "torchvision", "triton", "numpy", "scipy", "pandas", "pyarrow", "onnx", "onnxscript",
    "onnxruntime", "onnxruntime-gpu", "mkl", "intel-openmp", "nvidia-ml-py", "psutil", "pytest",
    "pytest-benchmark",
)  # fmt: skip
"""Distributions whose version changes what is measured, or how."""

VARIABLE_FAMILIES = (
    "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_", "CUBLAS_", "CUDNN_",
    "ONEDNN_", "DNNL_", "TORCHINDUCTOR_", "PYTORCH_",
)  # fmt: skip
VARIABLES = (
    "ATEN_CPU_CAPABILITY", "CUDA_CACHE_DISABLE", "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_DEVICE_ORDER",
    "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "CUDA_VISIBLE_DEVICES", "HIP_LAUNCH_BLOCKING",
    "HIP_VISIBLE_DEVICES", "LD_PRELOAD", "MALLOC_ARENA_MAX", "MALLOC_CONF", "NVIDIA_TF32_OVERRIDE",
    "PYTHONDEVMODE", "PYTHONHASHSEED", "PYTHONMALLOC", "PYTHONOPTIMIZE", "ROCR_VISIBLE_DEVICES",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_BLAS_PREFER_CUBLASLT", "TORCH_COMPILE_DISABLE", "TORCH_LOGS",
)  # fmt: skip
"""Environment variables that change speed. No others are recorded: they may hold secrets."""


def environment(devices: Sequence[Facts], root: Path = ROOT) -> Facts:
    """All that is recorded of this machine; `devices` are the accelerators' own facts, each with a `name`."""
    import psutil

    processor = cpu(root)
    memory = int(psutil.virtual_memory().total)
    names = [str(device.get("name") or device.get("device")) for device in devices]
    return {
        "host": platform.node(),
        "machine": machine_name(processor, names),
        "machine_id": machine_id(processor, memory, names),
        "cpu": processor,
        "memory_bytes": memory,
        "os": operating_system(root),
        "virtualization": virtualization(root),
        "container": container(root),
        "python": python(),
        "packages": packages(),
        "numpy_blas": numpy_blas(),
        "variables": variables(os.environ),
        "nvidia_driver": nvidia_driver(root),
        "devices": list(devices),
    }


def machine_name(processor: Facts, devices: Sequence[str]) -> str:
    """A machine in words, such as "AMD EPYC, 2 cores, no accelerator"."""
    cores = processor["physical"] or processor["logical"]
    return f"{processor['model']}, {cores} cores, {' + '.join(devices) or 'no accelerator'}"


def machine_id(processor: Facts, memory: int, devices: Sequence[str]) -> str:
    """A short name for what decides speed: the same on every run, whatever the clock or load says then."""
    parts = (processor["model"], processor["physical"], processor["logical"], processor["quota_processors"])
    # The memory that a kernel reports shifts by some MB from version to version.
    what = (*parts, round(memory / 2**30), platform.system(), platform.machine(), *sorted(devices))
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def operating_system(root: Path = ROOT) -> Facts:
    """System, kernel release and the distribution's own name."""
    lines = (text(root / "etc/os-release") or "").splitlines()
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return {
        "system": platform.system(),
        "release": platform.release(),
        "distribution": names[0] if names else None,
    }


def virtualization(root: Path = ROOT) -> str | None:
    """The maker of the virtual machine that this runs in, or just that it is one; None on bare metal."""
    if "hypervisor" not in (field(root / "proc/cpuinfo", "flags") or "").split():
        return None
    return text(root / "sys/class/dmi/id/sys_vendor") or "virtual machine"


def container(root: Path = ROOT) -> str | None:
    """The kind of container that this runs in; None outside one."""
    for mark, kind in ((".dockerenv", "docker"), ("run/.containerenv", "podman")):
        if (root / mark).exists():
            return kind
    groups = text(root / "proc/1/cgroup") or ""
    kinds = ("docker", "kubepods", "containerd", "lxc")
    return next((kind for kind in kinds if kind in groups), None)


def python() -> Facts:
    """The interpreter: version, compiler, and the builds that run slower."""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "compiler": platform.python_compiler(),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    }


def packages() -> dict[str, str]:
    """Versions by distribution name, of those that are installed; nothing is imported."""
    versions = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def numpy_blas() -> str | None:
    """The library that makes numpy's matrix products, as numpy was built."""
    import numpy

    configuration = numpy.show_config(mode="dicts")
    blas = (configuration or {}).get("Build Dependencies", {}).get("blas", {})
    return f"{blas['name']} {blas.get('version', '')}".strip() if "name" in blas else None


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those environment variables that change speed."""
    chosen = (name for name in environ if name in VARIABLES or name.startswith(VARIABLE_FAMILIES))
    return {name: environ[name] for name in sorted(chosen)}


def torch_facts() -> Facts:
    """What torch says of itself, asked in a worker: build, threads, and the flags that change precision."""
    import torch

    backends: Any = torch.backends  # its switches are made at run time, unknown to type checkers
    return {
        "version": torch.__version__,
        "debug": bool(torch.version.debug),
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "cudnn": backends.cudnn.version() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "cpu_capability": backends.cpu.get_cpu_capability(),
        "mkl": backends.mkl.is_available(),
        "mkldnn": backends.mkldnn.is_available(),
        # Without the path of the compiler that built it, which is another machine's.
        "build": re.sub(r"CXX_COMPILER=[^,]*, ", "", torch.__config__.show().strip()),
        # Torch refuses to read the older allow_tf32 and matmul precision once a suite has set one of these.
        "float32_cuda_matmul": backends.cuda.matmul.fp32_precision,
        "float32_cudnn_convolution": backends.cudnn.conv.fp32_precision,
        "float32_mkldnn_matmul": backends.mkldnn.matmul.fp32_precision,
        "cudnn_benchmark": backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def commit(path: Path) -> Facts:
    """The git commit that `path` stands at: id, branch, dirty, time; empty outside a repository.

    `branch` is "HEAD" where none is checked out; `dirty` says whether a tracked file was changed.
    """
    head = git(path, "log", "-1", "--format=%H %cI")
    if not head:
        return {}
    identity, time = head.split()
    return {
        "id": identity,
        "branch": git(path, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": bool(git(path, "status", "--porcelain", "--untracked-files=no")),
        "time": time,
    }


def git(path: Path, *arguments: str) -> str | None:
    """What git answers at `path`; None where it fails or is not installed."""
    # Without optional locks: a status must not get in the way of someone's commit.
    return output("git", "--no-optional-locks", "-C", str(path), *arguments)
