"""Ways in which torch computes the same: eagerly, compiled, as a graph, in half precision, channels last."""

import importlib.util
import shutil
import sysconfig
from contextlib import nullcontext
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")


def _of(network, way, preset="default"):
    return pytest.param(network, way, marks=pytest.mark.preset(preset))


WAYS = [  # compiling takes seconds a process, or minutes
    _of("mlp", "eager"),
    _of("mlp", "autocast bfloat16"),
    _of("mlp", "cuda graph"),
    _of("mlp", "compile", "thorough"),
    _of("resnet18", "eager"),
    _of("resnet18", "channels_last"),
    _of("resnet18", "cuda graph"),
    _of("resnet18", "autocast bfloat16", "thorough"),
    _of("resnet18", "compile", "thorough"),
]
"""Networks, and the ways in which each is computed: channels_last is an order of what convolutions read."""


def prepared(way, model, images):
    """The model and the images as a way wants them. Skips where that cannot be."""
    if way == "channels_last":
        model, images = (each.to(memory_format=torch.channels_last) for each in (model, images))
    if way == "cuda graph" and images.device.type != "cuda":
        pytest.skip(f"CUDA graphs are CUDA's; {images.device.type} has none")
    if way == "compile":
        model = compiled(model, images.device.type)
    return model, images


def computing(way, device):
    """The context in which a way computes; `dtype_of` says in which numbers."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16) if way == "autocast bfloat16" else nullcontext()


def dtype_of(way):
    """What its products are computed in, for extra_info."""
    return {"dtype": "bfloat16"} if way == "autocast bfloat16" else {}


def compiled(model, kind):
    """The model for torch.compile, which compiles it at its first call for exactly these shapes."""
    skip_unless_compilable(kind)
    torch.compiler.reset()  # else a second shape would share a graph of changing sizes
    torch._inductor.config.compile_threads = 1  # no processes of its own beside what is timed
    return torch.compile(model, dynamic=False)


def skip_unless_compilable(kind):
    """Skips where torch.compile lacks what it compiles with."""
    if kind == "cpu":
        compiler = (sysconfig.get_config_var("CXX") or "c++").split()[0]
        if not any(shutil.which(name) for name in (compiler, "c++", "g++", "clang++")):
            pytest.skip("torch.compile needs a C++ compiler such as g++, and there is none")
        if not (sysconfig.get_path("include") and _has_header("Python.h")):
            pytest.skip("torch.compile needs Python's header files (python3-dev), which are not installed")
    elif kind != "cuda" or importlib.util.find_spec("triton") is None:
        pytest.skip(f"torch.compile has nothing here that compiles for {kind}; for CUDA it needs triton")


def _has_header(name):
    return Path(sysconfig.get_path("include"), name).is_file()


def captured(call):
    """The call as a CUDA graph: recorded once, then replayed by one launch; returns what its calls return."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # as torch's own notes on graphs ask: warmed up on another stream
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = call()

    def replay():
        graph.replay()
        return result

    return replay
