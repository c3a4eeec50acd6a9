"""TensorFloat-32: NVIDIA GPUs can round float32 to 10 bits where they multiply, for speed.

torch does so in convolutions unless told not to, and not in matrix products. Here it is off, so that float32
means the same on every device, unless a benchmark's parameter `tf32` turns it on; each case records it.
"""

import pytest

torch = pytest.importorskip("torch")

TF32 = ["off", "on"]


def has_tf32(device):
    """Whether the device has it: NVIDIA GPUs of compute capability 8.0 and later do."""
    if torch.device(device).type != "cuda" or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def skip_unless_tf32(device):
    """Skips where there is nothing to compare."""
    if not has_tf32(device):
        pytest.skip(f"{device} has no TensorFloat-32; NVIDIA GPUs of compute capability 8.0 and later have")


def set_tf32(set_flag, on):
    """Turns it on or off, for matrix products and convolutions alike."""
    set_flag(torch.backends.cuda.matmul, "fp32_precision", "tf32" if on else "ieee")
    # By its older name: torch cannot read that one, and does, once convolutions alone are set by a newer.
    set_flag(torch.backends.cudnn, "allow_tf32", on)
