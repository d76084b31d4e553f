"""What the contract tests cannot guess about this room."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from workingpapers.papers.icl_induction import (
    AttentionOnlyClassifier,
    InContextClassification,
    InductionMonitor,
    MinimalInductionHead,
    induction_scores,
    nested_logit_flow,
    nested_logit_loss,
    train_icl,
    train_stacked,
    transition,
)

Task = partial(InContextClassification, 16, 4, 2, 8, positions=5, seed=0)


def _inputs(**kw: Any) -> Tensor:
    return torch.randn(6, 9, 20, **kw)


def _minimal(**kw: Any) -> nn.Module:
    model = MinimalInductionHead(4, 16, 5, third=True, **kw)
    with torch.no_grad():  # at the origin beta1 has no gradient: alpha is zero
        model.beta1.fill_(0.7)
        model.alpha.fill_(0.4)
    return model


MODULES = {
    "AttentionOnlyClassifier": (lambda **kw: AttentionOnlyClassifier(20, 5, heads=2, **kw), _inputs),
    "MinimalInductionHead": (_minimal, _inputs),
}
COMPILED = ("AttentionOnlyClassifier", "MinimalInductionHead")
ESTIMATORS = ()
BAD_INPUTS = [
    ("classes and labels", lambda: InContextClassification(10, 4, 2, 8, seed=0), ValueError, "10.*4.*multiple"),
    ("burstiness", lambda: InContextClassification(16, 4, 4, 8, burstiness=3, seed=0), ValueError, "3.*4.*divisor"),
    ("too few positions", lambda: InContextClassification(16, 4, 4, 8, positions=8, seed=0), ValueError, "8.*4.*9"),
    ("too few labels", lambda: InContextClassification(16, 2, 4, 8, distinct_labels=True), ValueError, "4.*n_labels 2"),
    ("too few classes", lambda: InContextClassification(2, 2, 4, 8, seed=0), ValueError, "4.*n_classes 2"),
    ("share", lambda: Task(p_bursty=1.5), ValueError, "p_bursty is 1.5.*of at most 1"),
    ("share of new", lambda: Task(p_novel=-0.1), ValueError, r"p_novel is -0.1"),
    ("noise", lambda: Task(within_class_noise=-1.0), ValueError, "within_class_noise is -1;"),
    ("dim", lambda: InContextClassification(16, 4, 2, 0, seed=0), ValueError, "dim is 0"),
    ("split", lambda: Task().batch(4, "test"), ValueError, "'test'.*ic_swapped"),
    ("heads", lambda: AttentionOnlyClassifier(10, 4, heads=3), ValueError, "3.*10"),
    ("token width", lambda: AttentionOnlyClassifier(10, 4)(torch.ones(2, 3, 9)), ValueError, r"\(2, 3, 9\).*10"),
    ("even length", lambda: MinimalInductionHead(2, 8, 4)(torch.ones(2, 4, 10)), ValueError, r"2 N \+ 1"),
    ("fewer labels than pairs", lambda: nested_logit_loss(0.0, 0.0, 0.0, 8, 4), ValueError, "4.*8"),
    ("start", lambda: nested_logit_flow(4, 8, [0.1, 0.2]), ValueError, "three"),
    ("steps that fall", lambda: transition([2, 1], [0, 1]), ValueError, "increase"),
    ("optimizer", lambda: train_icl(AttentionOnlyClassifier(13, 4), Task(), optimizer="lion"), ValueError, "lion"),
    ("stack", lambda: train_stacked([AttentionOnlyClassifier(13, 4)], []), ValueError, "1 models and 0 tasks"),
    ("no attention", lambda: induction_scores(nn.Linear(2, 2), vocab_size=99), TypeError, "output_attentions"),
    ("rise", lambda: InductionMonitor(rise=2.0), ValueError, "rise is 2.0"),
    ("watch", lambda: InductionMonitor(watch="loss"), ValueError, "'loss'.*induction"),
]
