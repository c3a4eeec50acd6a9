"""Audio classification, the third course that follows: pictures of a sound's pitches, and a network on them.

The course makes spectrograms with torchaudio; torch alone has what they are made of: `stft`, and a product
with a bank of filters for the mel scale, on which equal steps sound equal. Clips are a second of noise at
16 kHz.
"""

import math

import pytest

from ..memory import random_tensor
from ..sizes import BATCHES_SEEN

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

RATE = 16_000  # samples a second
WINDOW, HOP, MELS = 400, 160, 64  # 25 ms, 10 ms; bands
BINS, FRAMES = WINDOW // 2 + 1, RATE // HOP + 1
CLASSES = 2  # the course tells "yes" from "no"
LEARNING_RATE = 0.01


def clips(batch, device):
    """As many seconds of noise."""
    return random_tensor(batch, RATE, device=device)


def power(sound, window):
    """How strong each pitch is, every 10 ms: a spectrogram."""
    return torch.stft(sound, WINDOW, HOP, window=window, return_complex=True).abs().square()


def mel_filters(device):
    """For each of 64 bands the weights of the spectrum's pitches: triangles, evenly spaced in mel."""
    highest = 2595 * math.log10(1 + RATE / 2 / 700)
    mel = torch.linspace(0, highest, MELS + 2, device=device)
    edges = 700 * (10 ** (mel / 2595) - 1)
    pitches = torch.linspace(0, RATE / 2, BINS, device=device)
    rising = (pitches - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - pitches) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0)


SPECTRA = {"spectrogram": BINS, "mel": MELS}


@pytest.mark.crossover(axis="batch", between="calls")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("calls", ["clip by clip", "all at once"])
def test_spectrum(benchmark, device, calls, spectrum, batch):
    """Spectrograms of one-second clips, by frequency or in mel: each by itself, or all at once."""
    sound, filters = clips(batch, device), mel_filters(device)
    window = torch.hann_window(WINDOW, device=device)

    def transform(one):
        pitches = power(one, window)
        return pitches if spectrum == "spectrogram" else filters @ pitches

    benchmark.extra_info["items"] = batch
    if calls == "all at once":
        spectra = benchmark(transform, sound)
    else:
        spectra = benchmark(lambda: torch.stack([transform(one) for one in sound]))
    assert spectra.shape == (batch, SPECTRA[spectrum], FRAMES)
    assert torch.allclose(spectra[-1], transform(sound[-1]), rtol=1e-3, atol=1e-2)


@pytest.mark.crossover(axis="batch", between="transform")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("transform", ["stft", "convolution"])
def test_stft(benchmark, device, transform, batch):
    """The spectrogram by fast Fourier transforms, or by a convolution with all of its waves."""
    sound = clips(batch, device)
    window = torch.hann_window(WINDOW, device=device)
    angles = 2 * math.pi * torch.outer(torch.arange(BINS), torch.arange(WINDOW)) / WINDOW
    waves = (torch.cat([angles.cos(), angles.sin()]).to(device) * window)[:, None]

    def convolution(sound):
        padded = functional.pad(sound[:, None], (WINDOW // 2, WINDOW // 2), mode="reflect")
        both = functional.conv1d(padded, waves, stride=HOP)
        return both[:, :BINS].square() + both[:, BINS:].square()

    benchmark.extra_info["items"] = batch
    expected = power(sound, window)
    spectrogram = benchmark(power, sound, window) if transform == "stft" else benchmark(convolution, sound)
    assert ((spectrogram - expected).norm() / expected.norm()).item() < 0.01


@pytest.mark.parametrize("change", ["amplitude to dB", "resample by half"])
def test_change(benchmark, device, change):
    """A spectrogram's strengths in decibels; a clip at half its rate."""
    if change == "amplitude to dB":
        spectrogram = power(clips(1, device), torch.hann_window(WINDOW, device=device)) + 1e-3
        decibels = benchmark(lambda: 10 * spectrogram.log10())
        assert torch.allclose(10 ** (decibels / 10), spectrogram, rtol=1e-3)
    else:
        sound = clips(1, device)[:, None]
        half = benchmark(lambda: functional.interpolate(sound, scale_factor=0.5, mode="linear"))
        assert half.shape[-1] == RATE // 2


def audio_cnn():
    """The course's network over spectrograms: two convolutions with pooling, and one layer for two words."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(16 * 4 * 4, CLASSES),
    )  # fmt: skip


@pytest.mark.crossover(axis="batch", between="spectra")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("mode", ["inference", "training step"])
@pytest.mark.parametrize("spectra", ["made in the call", "made beforehand"])
def test_classify(benchmark, device, spectra, mode, batch):
    """Clips told apart, or learned from, their mel spectrograms made in each call or once for all."""
    model, filters = audio_cnn().to(device), mel_filters(device)
    sound, window = clips(batch, device), torch.hann_window(WINDOW, device=device)
    labels = torch.arange(batch, device=device) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def pictures():
        return (filters @ power(sound, window) + 1e-3).log()[:, None]

    ready = pictures()
    look = pictures if spectra == "made in the call" else lambda: ready

    def step():
        loss = functional.cross_entropy(model(look()), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    benchmark.extra_info["items"] = batch
    if mode == "inference":
        with torch.inference_mode():
            assert benchmark(lambda: model(look())).shape == (batch, CLASSES)
    else:
        before = step().item()
        benchmark(step)
        assert step().item() < before
