"""The mechanistic basis of data dependence and abrupt learning in an in-context classification task, arXiv 2312.03002.
Official code: none linked in the paper.
Carries the progress measures of section 3 over to causal language models of transformers, for every layer and head.
Differences from the paper: tokens are a vocabulary's, so items are single random tokens and match exactly.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import whole_number


class AttentionNotReturnedError(InvalidTypeError, RuntimeError):
    """A model was asked for its attention and gave None, also with the eager implementation."""


def induction_scores(
    model: nn.Module, *, vocab_size: int | None = None, length: int = 64, batch: int = 8, seed: int = 0
) -> pd.DataFrame:
    r"""Score every attention head of a causal language model: does it look back by one, does it do induction?

    Two probes. A block of `length` random tokens, given twice: in the second block an induction head at token i looks
    at the token after the first occurrence of token i. And pairs of random tokens (item, label), then one of the items
    again: a head that reads the label in context looks at that item's label.

    The model is asked for its attention. Where it runs a fused kernel (sdpa, flash), which gives none, it is switched
    to the eager implementation for the call and back; mode and gradients are left as they were.

    Args:
        model: A causal model of transformers, or any module that takes `input_ids` `(n, T)` and `output_attentions` and
            returns `attentions`: for each layer `(n, heads, T, T)`.
        vocab_size: Tokens are drawn below it; the configuration's by default.
        length: Tokens of the block; the model reads twice as many.
        batch: Sequences of each probe.
        seed: Seed of the tokens; torch's global generator is not touched.

    Returns:
        One row for each head, with means over sequences and tokens: `layer`, `head`; `previous_token`, the attention to
        the token just before; `induction`, that of the first probe; `copying`, that attention times the probability
        which the model then gives to the right next token (0 without logits); `target_label`, that of the second
        probe. A head that attends evenly has about 1 / length.

    Raises:
        InvalidParameterError: `length` below 2, sequences longer than the model allows, or too small a vocabulary.
        InvalidTypeError: the model is no module, or cannot give its attention (`AttentionNotReturnedError`, which is
            also a RuntimeError, where it takes the question and answers None).

    Differs from the paper:
        See the head of this file.

    Example:
        >>> from workingpapers.parts.torchvision_compat import allow_torchvision_import
        >>> _ = allow_torchvision_import()  # needed only beside a CPU build of torch
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(vocab_size=100, n_positions=64, n_embd=32, n_layer=2, n_head=4,
        ...                     bos_token_id=None, eos_token_id=None)
        >>> scores = induction_scores(GPT2LMHeadModel(config), length=16)
        >>> len(scores), bool(scores["induction"].max() < 0.2)
        (8, True)
    """
    length, batch = whole_number("length", length, least=2), whole_number("batch", batch, least=1)
    if not isinstance(model, nn.Module):
        raise InvalidTypeError(f"the model is of type {type(model).__name__}; give an nn.Module")
    vocabulary = _vocabulary(model, vocab_size, length)
    _check_room(model, 2 * length)
    source = torch.Generator().manual_seed(whole_number("seed", seed, least=0))
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    block = _distinct(batch, length, vocabulary, source)
    repeated = torch.cat([block, block], 1).to(device)
    # half of the block as items, half as labels; the target is one of the items, but not the very first token, which
    # a previous-token head takes for its own predecessor
    pairs = length // 2
    paired = _distinct(batch, 2 * pairs, vocabulary, source)
    asked = torch.randint(min(1, pairs - 1), pairs, (batch,), generator=source)
    query = paired[torch.arange(batch), 2 * asked]
    in_pairs = torch.cat([paired, query[:, None]], 1).to(device)
    with _asked_for_attention(model), torch.no_grad():
        logits, attention = _outputs(model, repeated)
        _, of_pairs = _outputs(model, in_pairs)
    later = torch.arange(length, 2 * length - 1, device=device)
    right = _probability_of_next(logits, repeated, later)
    every = torch.arange(1, 2 * length, device=device)
    label = (2 * asked + 1).to(device)
    rows = []
    for number, (maps, maps_of_pairs) in enumerate(zip(attention, of_pairs, strict=True)):
        before = maps[:, :, every, every - 1].float().mean((0, 2))
        found = maps[:, :, later, later - length + 1].float()
        copied = (found * right[:, None]).mean((0, 2)) if right is not None else torch.zeros_like(before)
        read = maps_of_pairs[torch.arange(batch, device=device), :, -1, label].float().mean(0)
        induction = found.mean((0, 2))
        for head in range(maps.shape[1]):
            scores = (before, induction, copied, read)
            rows.append((number, head, *(float(score[head]) for score in scores)))
    return pd.DataFrame(rows, columns=["layer", "head", "previous_token", "induction", "copying", "target_label"])


def _vocabulary(model: nn.Module, vocab_size: int | None, length: int) -> int:
    if vocab_size is None:
        config = getattr(model, "config", None)
        text = config.get_text_config() if config is not None and hasattr(config, "get_text_config") else config
        vocab_size = getattr(text, "vocab_size", None)
    if vocab_size is None:
        raise InvalidParameterError(f"{type(model).__name__} has no config.vocab_size; pass vocab_size")
    vocabulary = whole_number("vocab_size", vocab_size, least=1)
    if vocabulary < length:
        raise InvalidParameterError(
            f"vocab_size is {vocabulary} and length {length}; the block holds different tokens: choose a length of at "
            f"most {vocabulary}"
        )
    return vocabulary


def _check_room(model: nn.Module, tokens: int) -> None:
    most = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if isinstance(most, int) and 0 < most < tokens:
        raise InvalidParameterError(
            f"length is {tokens // 2}, so the model reads {tokens} tokens, and its max_position_embeddings is {most}; "
            f"choose a length of at most {most // 2}"
        )


def _distinct(n: int, length: int, vocabulary: int, source: torch.Generator) -> Int[Tensor, "n length"]:
    """Random tokens, no two of a row alike."""
    return torch.stack([torch.randperm(vocabulary, generator=source)[:length] for _ in range(n)])


def _outputs(
    model: nn.Module, ids: Int[Tensor, "n tokens"]
) -> tuple[Tensor | None, tuple[Float[Tensor, "n heads tokens tokens"], ...]]:
    try:
        given = model(input_ids=ids, output_attentions=True)
    except TypeError as error:
        if _takes_the_question(model):
            raise
        raise InvalidTypeError(
            f"{type(model).__name__} does not take output_attentions; wrap it in a module whose forward takes "
            "(input_ids, output_attentions) and returns an object with `attentions`"
        ) from error
    attention = given.get("attentions") if isinstance(given, dict) else getattr(given, "attentions", None)
    if attention is None or len(attention) == 0 or any(maps is None for maps in attention):
        raise AttentionNotReturnedError(
            f"{type(model).__name__} returned no attention, though asked with output_attentions=True under the "
            "eager implementation; load it with attn_implementation='eager', or give a model with attention layers"
        )
    logits = given.get("logits") if isinstance(given, dict) else getattr(given, "logits", None)
    return logits, tuple(attention)


def _takes_the_question(model: nn.Module) -> bool:
    parameters = inspect.signature(model.forward).parameters.values()
    return any(each.name == "output_attentions" or each.kind == each.VAR_KEYWORD for each in parameters)


def _probability_of_next(
    logits: Tensor | None, ids: Int[Tensor, "n tokens"], later: Int[Tensor, "places"]
) -> Float[Tensor, "n places"] | None:
    if logits is None:
        return None
    chosen = logits[:, later].float().softmax(-1)
    return chosen.gather(2, ids[:, later + 1][..., None]).squeeze(-1)


@contextmanager
def _asked_for_attention(model: nn.Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode and runs attention that gives its weights; then all is as before."""
    training = {module: module.training for module in model.modules()}
    configs = _configs(model)
    # a configuration of parts has one implementation for each; all that are not eager are switched by hand
    before = [(config, config._attn_implementation) for config in configs]
    try:
        model.eval()
        for config, _ in before:
            config._attn_implementation = "eager"
        yield
    finally:
        for config, implementation in before:
            config._attn_implementation = implementation
        for module, mode in training.items():
            module.training = mode


def _configs(model: nn.Module) -> list[Any]:
    """Every configuration object in the model that names an attention implementation, once."""
    found: dict[int, Any] = {}
    for module in model.modules():
        config = getattr(module, "config", None)
        if getattr(config, "_attn_implementation", None) is not None:
            found[id(config)] = config
    return list(found.values())
