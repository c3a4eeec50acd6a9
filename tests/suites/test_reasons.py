"""Why a benchmark is skipped: a sentence that ends where torch ended it."""

from typing import Any, NoReturn

import pytest

torch = pytest.importorskip("torch")
optimizers = pytest.importorskip("suites.operations.test_51_optimizers")


def test_a_reason_has_the_whole_first_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    first = "`fused=True` requires all the params to be floating point Tensors of supported devices"

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(f"{first}. Others are listed elsewhere.")

    monkeypatch.setattr(torch.optim, "SGD", refuse)
    with pytest.raises(pytest.skip.Exception) as skipped:
        optimizers.made("SGD", [torch.ones(1)], fused=True)
    assert str(skipped.value).endswith(first)
