"""The attention-only network, the minimal head, and the measures on them."""

import math

import pytest
import torch

from workingpapers.papers.icl_induction import (
    AttentionOnlyClassifier,
    InContextClassification,
    MinimalInductionHead,
    progress_measures,
)

TASK = InContextClassification(64, 8, 4, 32, positions=17, distinct_labels=True, seed=0)


def reference(net: AttentionOnlyClassifier, tokens: torch.Tensor) -> torch.Tensor:
    """The network token by token, as the paper writes it."""
    u = tokens.clone()
    width = net.dim // net.heads
    for layer in range(net.layers):
        new = u.clone()
        for row in range(len(u)):
            for i in range(u.shape[1]):
                for head in range(net.heads):
                    q, k, v = (weights[layer][head] for weights in (net.query, net.key, net.value))
                    scores = torch.stack([(u[row, i] @ q) @ (u[row, j] @ k) / math.sqrt(width) for j in range(i + 1)])
                    share = scores.softmax(0)
                    read = sum(share[j] * (u[row, j] @ v) for j in range(i + 1))
                    new[row, i, head * width : (head + 1) * width] += read
        u = new
    return net.mlp(u[:, -1])


@pytest.mark.parametrize(("layers", "heads"), [(0, 1), (1, 1), (2, 1), (3, 2)])
def test_the_network_is_the_papers(layers: int, heads: int) -> None:
    torch.manual_seed(layers)
    net = AttentionOnlyClassifier(12, 5, layers=layers, heads=heads, mlp_hidden=16, dtype=torch.float64)
    tokens = torch.randn(3, 7, 12, dtype=torch.float64)
    with torch.no_grad():
        logits, attention = net(tokens, return_attention=True)
        assert torch.allclose(logits, reference(net, tokens), atol=1e-12)
        assert torch.allclose(net(tokens), logits, atol=1e-12)
    assert len(attention) == layers
    for layer in attention:
        assert torch.allclose(layer.sum(-1), torch.ones(3, heads, 7, dtype=torch.float64))
        assert not layer.triu(1).any()
        assert torch.equal(layer[:, :, 0, 0], torch.ones(3, heads, dtype=torch.float64))


def test_last_query_path_equals_the_full_path_in_single_precision() -> None:
    torch.manual_seed(0)
    net = AttentionOnlyClassifier(49, 8)
    tokens = TASK.batch(64).tokens
    assert torch.allclose(net(tokens), net(tokens, return_attention=True)[0], atol=1e-6)


def test_autocast_gives_nearly_the_same() -> None:
    torch.manual_seed(0)
    net = AttentionOnlyClassifier(49, 8)
    tokens = TASK.batch(64).tokens
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = net(tokens)
    assert low.isfinite().all()
    assert (low.float() - net(tokens)).abs().max() < 0.1


def test_minimal_head_at_large_logits_looks_at_the_right_label_only() -> None:
    model = MinimalInductionHead(17, 32, 8)
    batch = TASK.batch(200, "ic")
    with torch.no_grad():
        model.beta1.fill_(100.0)
        model.alpha.fill_(1000.0)
        _, (first, second) = model(batch.tokens, return_attention=True)
    labels = torch.arange(1, 9, 2)
    assert torch.allclose(first[:, 0, labels, labels - 1], torch.ones(200, 4))
    right = second[torch.arange(200), 0, -1, 2 * batch.target_position + 1]
    assert right.mean() > 0.99
    measured = progress_measures(model, batch)
    assert measured.ila1 == pytest.approx(1.0)
    assert measured.tila2 == pytest.approx(float(right.mean()), abs=1e-6)


def test_minimal_head_at_zero_attends_evenly_and_beta2_favours_labels() -> None:
    batch = TASK.batch(50, "ic")
    model = MinimalInductionHead(17, 32, 8, third=True)
    with torch.no_grad():
        _, (first, second) = model(batch.tokens, return_attention=True)
        assert torch.allclose(first[0, 0, 4, :5], torch.full((5,), 0.2))
        assert torch.allclose(second[:, 0, -1], torch.full((50, 9), 1 / 9))
        assert model.beta2 is not None
        model.beta2.fill_(50.0)
        _, (_, second) = model(batch.tokens, return_attention=True)
    assert torch.allclose(second[:, 0, -1, 1::2], torch.full((50, 4), 0.25))


def test_the_minimal_head_does_not_see_positions() -> None:
    model = MinimalInductionHead(17, 32, 8)
    with torch.no_grad():
        model.beta1.fill_(2.0)
        model.alpha.fill_(3.0)
    tokens = TASK.batch(20).tokens
    moved = tokens.clone()
    moved[..., :17] = moved[..., :17].roll(1, -1)
    assert torch.allclose(model(tokens), model(moved), atol=1e-6)


def test_progress_measures_of_known_outputs() -> None:
    class Known(torch.nn.Module):
        def forward(self, tokens: torch.Tensor, return_attention: bool = False) -> object:
            first = torch.zeros(len(tokens), 2, 9, 9)
            first[:, 1, range(1, 9, 2), range(0, 8, 2)] = 0.75
            second = torch.zeros(len(tokens), 2, 9, 9)
            second[torch.arange(len(tokens)), 0, -1, 2 * batch.target_position + 1] = 0.5
            return logits, (first, second)

    batch = TASK.batch(100, "ic")
    # 0.6 on the right label, 0.1 on each other of the context, 0.025 on each of the four that are not in it
    shares = (
        torch.full((100, 8), 0.1 / 4).scatter_(1, batch.context_labels, 0.1).scatter_(1, batch.target[:, None], 0.6)
    )
    logits = shares.log()
    measured = progress_measures(Known(), batch)
    assert measured.accuracy == 1.0
    assert measured.loss == pytest.approx(-math.log(0.6), abs=1e-5)
    assert measured.cla == pytest.approx(0.9, abs=1e-5)
    assert measured.tla2 == pytest.approx(0.6 / 0.9, abs=1e-5)
    assert (measured.ila1, measured.tila2) == (0.75, 0.5)
    assert measured.previous_token.tolist() == [[0.0, 0.75], [0.0, 0.0]]
    assert measured.target_label.tolist() == [[0.0, 0.0], [0.5, 0.0]]


def test_measures_of_a_model_without_attention() -> None:
    batch = TASK.batch(20, "ic")
    assert math.isnan(progress_measures(AttentionOnlyClassifier(49, 8, layers=0), batch).ila1)
    with pytest.raises(TypeError, match="return_attention"):
        progress_measures(_Silent(), batch)


class _Silent(torch.nn.Module):
    def forward(self, tokens: torch.Tensor, return_attention: bool = False) -> torch.Tensor:
        return tokens[:, 0]
