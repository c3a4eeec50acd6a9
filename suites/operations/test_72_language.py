"""Natural language, the second course that follows: words as vectors, and networks that read them in order.

The course classifies news with an `EmbeddingBag`, then with recurrent networks; attention took their place.
Words are random numbers out of a vocabulary of ten thousand.
"""

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..memory import random_tensor
from ..sizes import BATCHES_SEEN, LENGTHS

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

WORDS, DIMENSIONS, CLASSES = 10_000, 64, 4
LENGTH = 32  # words of a text
HEADS, HEAD = 4, 64  # and the numbers in each
LEARNING_RATE = 0.1


READERS = {"LSTM": nn.LSTM, "GRU": nn.GRU}


class NewsClassifier(nn.Module):
    """The course's classifier: the mean of a text's words, or what a reader has read, and one layer."""

    def __init__(self, reading):
        super().__init__()
        embedding = nn.EmbeddingBag if reading == "EmbeddingBag" else nn.Embedding
        self.words = embedding(WORDS, DIMENSIONS)
        self.reader = (
            READERS[reading](DIMENSIONS, DIMENSIONS, batch_first=True) if reading in READERS else None
        )
        self.classes = nn.Linear(DIMENSIONS, CLASSES)

    def forward(self, texts):
        words = self.words(texts)
        if self.reader is not None:
            words = self.reader(words)[0][:, -1]
        elif words.dim() == 3:
            words = words.mean(1)
        return self.classes(words)


READING = ["EmbeddingBag", "Embedding, mean", *READERS]


@pytest.mark.crossover(axis="batch", between="reading")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("mode", ["inference", "training step"])
@pytest.mark.parametrize("reading", READING)
def test_classify(benchmark, device, reading, mode, batch):
    """Texts of 32 words classified, or learned from: by the mean of their words, or read in order."""
    model = on_device(NewsClassifier(reading), device)
    texts = torch.randint(WORDS, (batch, LENGTH), device=device)
    labels = torch.randint(CLASSES, (batch,), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step():
        loss = functional.cross_entropy(model(texts), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    benchmark.extra_info["items"] = batch
    if mode == "inference":
        with torch.inference_mode():
            assert benchmark(model, texts).shape == (batch, CLASSES)
    else:
        before = step().item()
        benchmark(step)
        assert step().item() < before


def on_device(model, device):
    """The model on the device. Skips where that cannot run it."""
    model = model.to(device)
    try:
        with torch.no_grad():
            model(torch.zeros(1, 2, dtype=torch.long, device=device))
    except (NotImplementedError, RuntimeError) as error:
        pytest.skip(f"{device} has no {type(model.reader).__name__}: {str(error).partition('. ')[0]}")
    return model


PADDED = {
    "pad_sequence": lambda texts: nn.utils.rnn.pad_sequence(texts, batch_first=True),
    "offsets": lambda texts: (torch.cat(texts), torch.tensor([0, *map(len, texts[:-1])]).cumsum(0)),
}


@pytest.mark.crossover(axis="batch", between="collating")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("collating", PADDED)
def test_collate(benchmark, collating, batch):
    """Texts of different lengths put together: padded to the longest, or in a row with offsets."""
    texts = [torch.randint(1, WORDS, (8 + 5 * index % LENGTH,)) for index in range(batch)]
    benchmark.extra_info["items"] = batch
    together = benchmark(PADDED[collating], texts)
    words = together if collating == "pad_sequence" else together[0]
    assert words.count_nonzero() == sum(map(len, texts))


BACKENDS = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}


def by_hand(query, key, value):
    """Attention as it is written: softmax of all products of queries and keys."""
    return (query @ key.transpose(-2, -1) / HEAD**0.5).softmax(-1) @ value


@pytest.mark.crossover(axis="length", between="attention")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.preset("default"))])
@pytest.mark.parametrize("attention", ["by hand", *BACKENDS])
def test_attention(benchmark, device, attention, dtype, length):
    """Attention of four heads over so many words: written out, and by torch's backends."""
    query, key, value = random_tensor(3, 1, HEADS, length, HEAD, device=device).to(getattr(torch, dtype))
    benchmark.extra_info |= {"flops": 4 * HEADS * length**2 * HEAD, "items": length}
    with torch.no_grad():
        expected = by_hand(query, key, value)
        if attention == "by hand":
            answer = benchmark(by_hand, query, key, value)
        else:
            answer = time_backend(benchmark, BACKENDS[attention], query, key, value)
        assert torch.allclose(answer.float(), expected.float(), atol=0.02 if dtype == "float32" else 0.1)


def time_backend(benchmark, backend, *operands):
    """Times attention by one backend. Skips where the device has none for these operands."""
    with sdpa_kernel(backend):
        try:
            functional.scaled_dot_product_attention(*operands)
        except (RuntimeError, UserWarning) as error:  # on CUDA torch warns of what is in the way
            pytest.skip(
                f"{operands[0].device} has no {backend.name.lower()}: {str(error).partition('. ')[0]}"
            )
        return benchmark(functional.scaled_dot_product_attention, *operands)


@pytest.mark.crossover(axis="length", between="mode")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("mode", ["inference", "training step"])
def test_transformer_layer(benchmark, device, mode, length):
    """One layer of a transformer over so many words: its answer, or a step on it."""
    width = HEADS * HEAD
    layer = nn.TransformerEncoderLayer(width, HEADS, 4 * width, dropout=0.0, batch_first=True).to(device)
    words = random_tensor(1, length, width, device=device)
    optimizer = torch.optim.AdamW(layer.parameters())

    def step():
        optimizer.zero_grad()
        layer(words)[..., 0].square().mean().backward()
        optimizer.step()

    benchmark.extra_info["items"] = length
    if mode == "inference":
        with torch.inference_mode():
            assert benchmark(layer.eval(), words).shape == words.shape
    else:
        before = layer.linear1.weight.detach().clone()
        benchmark(step)
        assert not torch.equal(layer.linear1.weight, before)
