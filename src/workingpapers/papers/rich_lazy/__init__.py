"""Rich and lazy learning (arXiv 2310.08513): initialisations of given rank, and how lazily a network learned."""

from workingpapers.papers.rich_lazy.callback import LazinessCallback
from workingpapers.papers.rich_lazy.connectivity import structured_connectivity
from workingpapers.papers.rich_lazy.kernels import tangent_kernel
from workingpapers.papers.rich_lazy.method import LazinessProbe, LazinessReport, laziness
from workingpapers.papers.rich_lazy.ranks import effective_rank, truncate_rank_
from workingpapers.papers.rich_lazy.rnn import CTRNN
from workingpapers.papers.rich_lazy.tasks import ContextDecision, DelayedMatch, TwoAlternative, from_neurogym
from workingpapers.papers.rich_lazy.theory import aligned_init_, expected_alignment, linear_alignment
from workingpapers.parts.kernel_alignment import kernel_alignment

__all__ = [
    "CTRNN",
    "ContextDecision",
    "DelayedMatch",
    "LazinessCallback",
    "LazinessProbe",
    "LazinessReport",
    "TwoAlternative",
    "aligned_init_",
    "effective_rank",
    "expected_alignment",
    "from_neurogym",
    "kernel_alignment",
    "laziness",
    "linear_alignment",
    "structured_connectivity",
    "tangent_kernel",
    "truncate_rank_",
]
