"""Two engines that answer for the same network: torch, and ONNX Runtime with the network exported."""

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
from .network import build, forward_flops, images_for

torch = pytest.importorskip("torch")

CONV_SEARCH = "HEURISTIC"
"""How both engines choose convolution kernels: as torch does, unless `cudnn.benchmark` is on."""

WHAT_FITS = (
    "install the onnxruntime-gpu that is built for the same CUDA: 1.24 to 1.26 for CUDA 12.8, "
    "1.27 and later for CUDA 13, with cuDNN 9"
)

SETTINGS = {"conv_search": CONV_SEARCH, "spinning": "on"}


def ready(name):
    """A network of the same random weights each time, ready to answer."""
    torch.manual_seed(0)
    return build(name).eval()


def exported(name):
    """A network's ONNX file. Kept in the cache: an export takes seconds, in each worker."""
    pytest.importorskip("onnxruntime")
    try:  # importing the two to ask them takes seconds
        exporters = [f"{package} {version(package)}" for package in ("torch", "onnx", "onnxscript")]
    except PackageNotFoundError as missing:
        pytest.skip(f"exporting the network needs {missing.name}, which is not installed")
    versions = " ".join(exporters)
    key = hashlib.sha256(Path(network.__file__).read_bytes() + versions.encode()).hexdigest()[:16]
    path = folder() / f"{'network' if name == 'mlp' else name}-{key}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        export(ready(name), unfinished, images_for(name, 2, "cpu"))
        unfinished.replace(path)
    return path


def export(model, path, images):
    """Writes the network, for any number of such images, into one ONNX file."""
    # The exporter reports its steps on stdout, and some releases warn of their own code.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (images,),
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
    expected = provider(device, stream)
    session = onnxruntime.InferenceSession(str(onnx_file), options, providers=[expected])
    if session.get_providers()[0] != expected[0]:  # it fell back, with no more than a line on stderr
        pytest.skip(
            f"onnxruntime {onnxruntime.__version__} cannot load {expected[0]} beside "
            f"torch {torch.__version__} (CUDA {torch.version.cuda}), and would use the CPU: {WHAT_FITS}"
        )
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
    classes = session.get_outputs()[0].shape[1]
    answers = torch.empty(len(images), classes, device=images.device)
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


@contextlib.contextmanager
def answering(device, engine, name, batch, benchmark):
    """A call by which an engine answers for a batch of images, and its arguments; both are compared."""
    model, images = ready(name).to(device), images_for(name, batch, device)
    benchmark.extra_info |= {"flops": forward_flops(name, batch), "items": batch, **SETTINGS}
    path = None if engine == "torch" else exported(name)
    with own_stream(device) as stream, torch.inference_mode():
        torch.get_device_module(device).synchronize()  # the images are there before another stream reads them
        if path is None:
            yield model, (images,)
            return
        session = start_session(path, device, stream)
        if engine == "onnxruntime":
            run = bind(session, images)
            compare(run(), model(images))
            yield run, ()
        elif torch.device(device).type == "cpu":
            call = ["logits"], {"images": images.numpy()}
            compare(torch.from_numpy(session.run(*call)[0]), model(images))
            yield session.run, call
        else:
            pytest.skip("`run` takes its images from the processor's memory, where those of a device are not")


def compare(answer, expected):
    """Stops where the engines disagree by more than rounding."""
    torch.testing.assert_close(answer.cpu(), expected.cpu(), rtol=1e-4, atol=1e-5)
