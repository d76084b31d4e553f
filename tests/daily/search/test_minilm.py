"""The embeddings: the same as those of the published model in torch, whatever stands beside a text in its batch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workingpapers.daily.search import minilm
from workingpapers.daily.search.minilm import MAX_TOKENS, MiniLM
from workingpapers.errors import MissingExtraError

TEXTS = [
    "",
    "order",
    "Order invariance of language models",
    "Ünïcode — 中文 Σ log σ_i 🙂 \x00 <script>",
    "A token mixer for transformers that works in the Fourier domain. " * 8,
    "far beyond the longest text that the model reads " * 100,
]
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


def test_it_equals_the_model_in_torch(model: MiniLM) -> None:
    import torch

    from workingpapers.parts.torchvision_compat import allow_torchvision_import

    allow_torchvision_import()
    from transformers import BertModel, BertTokenizerFast

    tokenizer = BertTokenizerFast.from_pretrained(str(model.folder))
    reference = BertModel.from_pretrained(str(model.folder)).eval()
    tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    with torch.no_grad():
        states = reference(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    means = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))
    assert np.abs(model.embed(TEXTS) - means.numpy()).max() < TOLERANCE


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(model: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    together = model.embed(TEXTS)
    assert together.shape == (len(TEXTS), minilm.DIM)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    alone = np.concatenate([model.embed([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < TOLERANCE
    monkeypatch.setattr(minilm, "_BATCH_TOKENS", 40)
    assert np.abs(together - model.embed(TEXTS)).max() < TOLERANCE


def test_no_text_gives_no_vector(model: MiniLM) -> None:
    assert model.embed([]).shape == (0, minilm.DIM)


def test_meaning_counts(model: MiniLM) -> None:
    query, near, far = model.embed(["how networks forget", "catastrophic interference", "the price of vegetables"])
    assert query @ near > query @ far + 0.1


def test_gelu_equals_its_definition() -> None:
    from math import erf

    x = np.linspace(-6, 6, 2001, dtype=np.float32)
    exact = np.array([value * 0.5 * (1 + erf(value / 2**0.5)) for value in x.tolist()])
    assert np.abs(minilm._gelu(x) - exact).max() < 2e-6


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'workingpapers\[search\]'"):
        MiniLM()


def test_searching_imports_no_torch(tmp_path: Path) -> None:
    code = f"""
import sys
from workingpapers.daily.database import Database
from workingpapers.daily.entries import PaperEntry
from workingpapers.daily.papers import add_papers
from workingpapers.daily.search.engine import SearchEngine
database = Database({str(tmp_path / "daily.sqlite")!r})
engine = SearchEngine(database)
with database.write() as session:
    add_papers(session, [PaperEntry("Fourier mixing", summary="Tokens are mixed.")])
assert engine.ensure() == 1
(hit,) = engine.search("spectral mixers", person_id=1).hits
assert hit.similarity > 0.3, hit
print([name for name in ("torch", "scipy", "sklearn", "pandas", "transformers") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
