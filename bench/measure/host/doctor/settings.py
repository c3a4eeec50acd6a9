"""Rules about settings and builds: environment variables, threads, debug builds, a torch for the GPU."""

import sysconfig
from collections.abc import Sequence

from bench.measure.host import torch_build
from bench.measure.host.doctor.machine import Finding, Fine, Machine


def too_many_threads(machine: Machine) -> Finding | Fine:
    """More threads than processors: each waits for the others at every barrier."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    here = {name: machine.environ[name] for name in names if machine.environ.get(name, "").isdigit()}
    default = int(machine.torch.get("threads") or machine.processor["usable"])
    threads = max(map(int, here.values()), default=default)
    if threads <= machine.processors:
        return Fine("threads", f"{threads} for {machine.processors:g} processors")
    settings = ", ".join(f"{name}={value}" for name, value in here.items()) or "the default"
    return Finding(
        "threads",
        f"{threads} threads ({settings}) for {machine.processors:g} processors",
        "Threads wait for each other at every barrier, and operations come out several times slower",
        f"set OMP_NUM_THREADS={max(1, int(machine.processors))} and unset the others",
        serious=True,
    )


def launches_block(machine: Machine) -> Finding | None:
    """Every launch waits for its kernel."""
    names = ("CUDA_LAUNCH_BLOCKING", "HIP_LAUNCH_BLOCKING", "AMD_SERIALIZE_KERNEL")
    return _set_variables(
        machine,
        [name for name in names if machine.environ.get(name, "0") != "0"],
        "Every launch waits for its kernel: throughput on the GPU is wrong, small cases by a factor",
    )


def precision_forced(machine: Machine) -> Finding | None:
    """TF32 decided over the suites' heads."""
    names = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE")
    return _set_variables(
        machine,
        [name for name in names if name in machine.environ],
        "It decides on TF32 whatever a case asks for: rows with TF32 off and on are the same",
    )


def kernels_forced(machine: Machine) -> Finding | None:
    """Kernels other than those that the libraries choose for this processor."""
    names = [
        "OPENBLAS_CORETYPE", "BLIS_ARCH_TYPE", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR",
        "MKL_THREADING_LAYER", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
    ]  # fmt: skip
    forced = [name for name in names if name in machine.environ]
    if any(library in machine.environ.get("LD_PRELOAD", "") for library in ("blas", "mkl", "omp", "blis")):
        forced.append("LD_PRELOAD")
    return _set_variables(
        machine, forced, "Libraries use other kernels than they would choose: it is not this machine's speed"
    )


def debug_build(machine: Machine) -> Finding | Fine:
    """Interpreters and libraries that check themselves."""
    signs = []
    if machine.environ.get("PYTHONDEVMODE"):
        signs.append("PYTHONDEVMODE is set")
    if "debug" in machine.environ.get("PYTHONMALLOC", ""):
        signs.append(f"PYTHONMALLOC={machine.environ['PYTHONMALLOC']}")
    if sysconfig.get_config_var("Py_DEBUG"):
        signs.append("a debug build of Python")
    if machine.torch.get("debug"):
        signs.append("a debug build of torch")
    if not signs:
        return Fine("builds", "neither Python nor torch is seen to check every call")
    return Finding(
        "debug build",
        ", ".join(signs),
        "Every call checks itself: small operations are several times slower",
        "use release builds, and unset the variables",
        serious=True,
    )


def torch_without_gpu(machine: Machine) -> Finding | Fine | None:
    """A torch that cannot use the GPU that is there: built without CUDA, or for one that its driver lacks."""
    driver, build = torch_build.nvidia_driver(machine.root), machine.build
    hidden = machine.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if driver is None or build is None or hidden or not any(machine.root.glob("dev/nvidia[0-9]*")):
        return None
    major, needed = int(driver.partition(".")[0]), torch_build.needed_driver(build)
    if build.cuda and (needed is None or needed <= major):
        return Fine("torch", f"{build.version} is built for CUDA {build.cuda}, which driver {driver} knows")
    built = f"for CUDA {build.cuda}, which needs driver {needed}" if build.cuda else "without CUDA"
    return Finding(
        "torch",
        f"an NVIDIA GPU with driver {driver} is there, and torch {build.version} is built {built}",
        "It cannot use that GPU: cases that need it are skipped",
        torch_build.remedy(major),
    )


def _set_variables(machine: Machine, names: Sequence[str], effect: str) -> Finding | None:
    """The finding that these environment variables are set; None where there are none."""
    if not names:
        return None
    seen = ", ".join(f"{name}={machine.environ[name]}" for name in names)
    return Finding(f"{names[0]} set", seen, effect, f"unset {' '.join(names)}", serious=True)


RULES = (torch_without_gpu, too_many_threads, launches_block, precision_forced, kernels_forced, debug_build)
