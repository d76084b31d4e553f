"""How connectivity structure shapes rich and lazy learning in neural circuits (arXiv 2310.08513): the instruments.

Official code: github.com/Helena-Yuhan-Liu/BioRNN_RichLazy; no licence file seen. Nothing is taken from it.
Implements the recurrent network, its initialisations and tasks, the measures of laziness (Section 2) and Theorem 1.
Differences from the paper: kernels without a backward pass for each output; the linear theory in closed form is ours.
"""

from workingpapers.papers.rich_lazy.callback import LazinessCallback
from workingpapers.papers.rich_lazy.connectivity import structured_connectivity
from workingpapers.papers.rich_lazy.kernels import tangent_kernel
from workingpapers.papers.rich_lazy.laziness import LazinessProbe, LazinessReport, laziness
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
