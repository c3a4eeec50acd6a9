"""torch against ONNX Runtime: exporting a trained network, and which of the two answers faster.

Each engine runs in a worker of its own: ONNX Runtime's waiting threads spin (its default, kept here) and
would take the cores from torch. Both compute with as many threads, and their answers are compared before the
timing. ONNX Runtime reads its input from tensors bound beforehand and writes its answer into one (IO
binding), so that on a GPU, too, nothing but the network is timed.
"""

import contextlib
import hashlib
import io
import os
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from . import network
from .fashion import folder
from .network import NeuralNetwork, forward_flops
from .sizes import BATCHES

torch = pytest.importorskip("torch")

ONNXRUNTIME = pytest.param("onnxruntime", marks=pytest.mark.isolate("onnxruntime"))

CONV_SEARCH = "HEURISTIC"
"""How both engines choose convolution kernels: as torch does, unless `cudnn.benchmark` is on."""

SETTINGS = {"tf32": "off", "conv_search": CONV_SEARCH, "spinning": "on"}


@pytest.fixture
def model():
    """The course's network, ready to answer."""
    torch.manual_seed(0)
    return NeuralNetwork().eval()


@pytest.fixture(scope="session")
def onnx_file():
    """The same network exported to ONNX. Kept in the cache: an export takes seconds, in each worker."""
    pytest.importorskip("onnxruntime")
    try:  # importing the two to ask them takes seconds
        exporters = [f"{name} {version(name)}" for name in ("torch", "onnx", "onnxscript")]
    except PackageNotFoundError as missing:
        pytest.skip(f"exporting the network needs {missing.name}, which is not installed")
    versions = " ".join(exporters)
    key = hashlib.sha256(Path(network.__file__).read_bytes() + versions.encode()).hexdigest()[:16]
    path = folder() / f"network-{key}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        unfinished = path.with_suffix(f".{os.getpid()}")
        export(NeuralNetwork().eval(), unfinished)
        unfinished.replace(path)
    return path


def export(model, path):
    """Writes the network, for any number of images, into one ONNX file."""
    # The exporter reports its steps on stdout, and some releases warn of their own code.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (torch.rand(2, 1, 28, 28),),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
        program.save(str(path), external_data=False)


def start_session(onnx_file, device="cpu", stream=None):
    """An ONNX Runtime session on the device; never, silently, on another."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(onnx_file), options, providers=[provider(device, stream)])
    expected = provider(device, stream)[0]
    assert session.get_providers()[0] == expected, f"{session.get_providers()} instead of {expected}"
    return session


def provider(device, stream):
    """ONNX Runtime's name for what computes on the device, and its options. Skips where it has none."""
    kind = torch.device(device).type
    if kind == "cpu":
        return "CPUExecutionProvider", {}
    available = pytest.importorskip("onnxruntime").get_available_providers()
    if kind != "cuda" or "CUDAExecutionProvider" not in available:
        pytest.skip(f"this ONNX Runtime has nothing that computes on {device}; it has {', '.join(available)}")
    return "CUDAExecutionProvider", {
        "device_id": str(torch.device(device).index or 0),
        "user_compute_stream": str(stream.cuda_stream),
        "cudnn_conv_algo_search": CONV_SEARCH,
        "use_tf32": "0",
    }


def bind(session, images):
    """A call that runs the session on these images where they lie, and the tensor that gets its answers."""
    onnxruntime = pytest.importorskip("onnxruntime")
    answers = torch.empty(len(images), 10, device=images.device)
    place = images.device.type, images.device.index or 0
    binding = session.io_binding()
    binding.bind_input("images", *place, np.float32, tuple(images.shape), images.data_ptr())
    binding.bind_output("logits", *place, np.float32, tuple(answers.shape), answers.data_ptr())
    options = onnxruntime.RunOptions()
    # Like torch, do not wait for the device at the end of a call: who times waits, once for many calls.
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def run():
        session.run_with_iobinding(binding, options)
        return answers

    return run


@contextlib.contextmanager
def own_stream(device):
    """On a GPU, a stream that is not the default one, made current for both engines; elsewhere none."""
    if torch.device(device).type != "cuda":
        yield None
        return
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            yield stream


@pytest.fixture
def same_settings(set_flag):
    """For torch what `provider` asks of ONNX Runtime: TF32 off, convolution kernels chosen by heuristic."""
    set_flag(torch.backends.cuda.matmul, "fp32_precision", "ieee")
    # By its older name: torch cannot read that one, and does, once convolutions alone are set by a newer.
    set_flag(torch.backends.cudnn, "allow_tf32", False)
    set_flag(torch.backends.cudnn, "benchmark", False)


@pytest.mark.crossover(axis="batch", between="engine")
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("engine", ["torch", ONNXRUNTIME])
@pytest.mark.usefixtures("same_settings")
def test_inference(benchmark, request, device, model, engine, batch):
    """The course's network answers for a batch of images, by torch or by ONNX Runtime."""
    images = torch.rand(batch, 1, 28, 28, device=device)
    benchmark.extra_info |= {
        "flops": forward_flops("mlp", batch),
        "items": batch,
        "engine_threads": torch.get_num_threads(),
        **SETTINGS,
    }
    onnx_file = request.getfixturevalue("onnx_file") if engine == "onnxruntime" else None
    model = model.to(device)
    with own_stream(device) as stream, torch.inference_mode():
        torch.get_device_module(device).synchronize()  # the images are there before another stream reads them
        if onnx_file is None:
            benchmark(model, images)
        else:
            run = bind(start_session(onnx_file, device, stream), images)
            compare(run(), model(images))
            benchmark(run)


def compare(answer, expected):
    """Stops where the engines disagree by more than rounding."""
    torch.testing.assert_close(answer.cpu(), expected.cpu(), rtol=1e-4, atol=1e-5)


@pytest.mark.preset("default")
@pytest.mark.isolate("onnxruntime")
@pytest.mark.parametrize("way", ["run", "io_binding"])
def test_run_or_bind(benchmark, model, onnx_file, way):
    """ONNX Runtime answers for 64 images: given as numpy arrays (run), or in tensors bound beforehand."""
    images = torch.rand(64, 1, 28, 28)
    session = start_session(onnx_file)
    benchmark.extra_info |= {"items": 64, "flops": forward_flops("mlp", 64), "spinning": SETTINGS["spinning"]}
    if way == "run":
        (answer,) = benchmark(session.run, ["logits"], {"images": images.numpy()})
        answer = torch.from_numpy(answer)
    else:
        answer = benchmark(bind(session, images))
    with torch.inference_mode():
        compare(answer, model(images))


@pytest.mark.isolate("onnxruntime")
def test_session(benchmark, onnx_file):
    """Starting ONNX Runtime on an exported network: what has to be done once before the first answer."""
    session = benchmark(start_session, onnx_file)
    assert [tensor.name for tensor in session.get_inputs()] == ["images"]


@pytest.mark.preset("default")
@pytest.mark.isolate("onnxruntime")
def test_export(benchmark, model, tmp_path):
    """Exporting the course's network to an ONNX file."""
    onnx, _ = pytest.importorskip("onnx"), pytest.importorskip("onnxscript")
    path = tmp_path / "network.onnx"
    benchmark.pedantic(export, args=(model, path), rounds=1)
    weights = {tensor.name for tensor in onnx.load(str(path)).graph.initializer}
    assert weights >= {name for name, _ in model.named_parameters()}
