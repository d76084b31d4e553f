"""Random Teachers are Good Teachers (arXiv 2302.12091): distillation from a frozen random teacher.

Official code: github.com/safelix/dinopl (no licence file seen); nothing is taken from it.
Implements sections 2 to 4: random frozen teacher, student started near it, cross-entropy of softmaxes, AdamW.
Differences from the paper: what the teacher says about each sample is kept instead of computed anew in every epoch.
"""

import copy
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.random_teachers import batches, encoders
from workingpapers.papers.random_teachers.batches import Batch
from workingpapers.papers.random_teachers.checks import DivergedError
from workingpapers.papers.random_teachers.head import ProjectionHead
from workingpapers.papers.random_teachers.interpolation import interpolate_parameters_
from workingpapers.papers.random_teachers.loss import kl_of, log_softmax
from workingpapers.parts.checks import one_of, real_number, torch_module, true_or_false, usable_device, whole_number

Callback = Callable[["RandomTeacherDistiller", int], Any]


class RandomTeacherDistiller:
    """Distils a student from a random, frozen teacher of the same architecture; no label is ever read.

    The student starts at `((1 - alpha) teacher + alpha fresh) / sqrt(alpha^2 + (1 - alpha)^2)` and minimises
    `mean_x KL(p_T(.|x) || p_S(.|x))`, the softmaxes of encoder and projection head, by AdamW.

    Args:
        encoder: Module that returns embeddings `(batch, dim)` (timm: `num_classes=0`), or a vision or text model of
            transformers (pooled output, else the mean of the last hidden states). It is copied, never changed.
        head: Projection head for teacher and student, used as a pattern; None makes `ProjectionHead(dim)`.
        alpha: How far from the teacher the student starts, in [0, 1]. At exactly 0 the gradient is zero, unless batch
            norm or dropout makes the student differ from the teacher.
        lr: Learning rate of AdamW, constant.
        weight_decay: Of AdamW.
        temperature: Of both softmaxes.
        reset: How teacher and fresh draw are drawn: "kaiming"; a function that is called with a copy of the encoder and
            draws its parameters in place; None takes the encoder's parameters as the teacher's (the fresh draw is
            "kaiming" then). A head is drawn by its own rule, or "kaiming" where it is no `ProjectionHead`; with None a
            head that was given is the teacher's as it is.
        seed: Of all draws and of the order of samples.
        device: Where to train; None takes the encoder's device.
        amp: Whether encoder and head run in bfloat16 autocast; the softmaxes are in float32 in any case.

    Attributes:
        teacher: The frozen random encoder, in eval mode.
        student: The student's encoder; before `fit`, its start.
        teacher_head: The teacher's projection head, from `fit` on.
        student_head: The student's projection head, from `fit` on.
        history: For each epoch: "kl" (mean over samples, nats), "grad_norm" (mean over steps), and
            "distance_from_init" (Euclidean, over all parameters that train, at the epoch's end).

    Raises:
        InvalidParameterError: a value out of range, or an encoder without trainable parameters.
        InvalidTypeError: no module, or a value of the wrong type.

    Differs from the paper: teacher outputs are cached, which changes nothing but rounding, since nothing is augmented.
    Batch norm of the teacher uses its running statistics, which are 0 and 1 after the draw; `calibrate_teacher`
    estimates them from data, as the official code's second configuration does.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> encoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 8))
        >>> head = ProjectionHead(8, hidden=(16,), bottleneck=8, out_dim=64)
        >>> distiller = RandomTeacherDistiller(encoder, head=head, alpha=0.5, seed=1)
        >>> x = torch.randn(100, 6, generator=torch.Generator().manual_seed(0))
        >>> kl = distiller.fit(x, 20).history["kl"]
        >>> kl[-1] < kl[0], distiller.transform(x).shape
        (True, torch.Size([100, 8]))
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: nn.Module | None = None,
        alpha: Any = 1e-10,
        lr: Any = 1e-3,
        weight_decay: Any = 0.0,
        temperature: Any = 1.0,
        reset: str | Callable[[nn.Module], Any] | None = "kaiming",
        seed: Any = 0,
        device: torch.device | str | None = None,
        amp: bool = False,
    ) -> None:
        self.encoder = torch_module("encoder", encoder)
        self.head = None if head is None else torch_module("head", head)
        self.alpha = real_number("alpha", alpha, least=0.0, most=1.0)
        self.lr = real_number("lr", lr, above=0.0)
        self.weight_decay = real_number("weight_decay", weight_decay, least=0.0)
        self.temperature = real_number("temperature", temperature, above=0.0)
        if not (reset is None or callable(reset)):
            one_of("reset", reset, ("kaiming",))
        self.reset = reset
        self.seed = whole_number("seed", seed, least=0)
        self.device = usable_device(device) if device is not None else encoders.device_of(encoder)
        self.amp = true_or_false("amp", amp)
        if not any(parameter.requires_grad for parameter in encoder.parameters()):
            raise InvalidParameterError("the encoder has no parameter that requires a gradient; unfreeze some")
        if self.alpha == 0 and not encoders.is_asymmetric(encoder):
            warnings.warn(
                "alpha is 0 and the encoder has neither batch norm nor dropout: the student starts at the loss's "
                "minimum with a zero gradient and will not move; choose a tiny alpha such as 1e-10",
                stacklevel=2,
            )
        self.teacher = self._drawn(encoder, "teacher", given=reset is None)
        self._freeze(self.teacher)
        self.student = self._start(encoder, self.teacher)
        self.teacher_head: nn.Module | None = None
        self.student_head: nn.Module | None = None
        self.history: dict[str, list[float]] = {}

    def fit(
        self,
        data: Any,
        epochs: Any,
        *,
        callbacks: Iterable[Callback] = (),
        batch_size: Any = 256,
        cache: bool | None = None,
    ) -> "RandomTeacherDistiller":
        """Train the student from its start; a second call starts over.

        Args:
            data: Tensor or array `(samples, ...)`, a pair (x, y) of them, a mapping of them (keyword arguments of the
                encoder), or a loader of batches x, (x, y) or mappings. Labels are dropped unread.
            epochs: Passes over the data.
            callbacks: Functions called with the distiller and the epoch's number (from 1) at the end of each.
            batch_size: Samples of a step, where the data are no loader, or are a loader with cache=True.
            cache: Whether to compute the teacher's outputs once. None: where the data are no loader. With a loader
                True reads it once and keeps its inputs, so that random transforms are drawn once only.

        Returns:
            The distiller itself.

        Raises:
            InvalidParameterError: no samples, fewer than one epoch, a head or encoder that does not fit. The
                distiller is then as it was before the call.
            DivergedError: the KL is NaN or infinite (a FloatingPointError); the message names the step.
        """
        epochs = whole_number("epochs", epochs, least=1)
        batch_size = whole_number("batch_size", batch_size, least=1)
        if not hasattr(callbacks, "__iter__"):
            raise InvalidTypeError(f"callbacks are {type(callbacks).__name__}; give a sequence of functions")
        callbacks = list(callbacks)
        wrong = next((each for each in callbacks if not callable(each)), None)
        if wrong is not None:
            raise InvalidTypeError(f"a callback is {wrong!r}; give functions of the distiller and the epoch")
        is_whole = batches.is_whole(data)
        if isinstance(data, Iterator) and not cache:
            raise InvalidParameterError(
                f"the data are an iterator ({type(data).__name__}), which is read once; give a loader, or cache=True"
            )
        before = (self.student, self.teacher_head, self.student_head, self.history)
        try:
            with encoders.seeded(self._seeds["order"], self.device):
                if is_whole or cache:
                    data = batches.gather(data)
                self._prepare(data)
                cached = self._teacher_codes(data, batch_size) if (is_whole and cache is None) or cache else None
                self._train(data, epochs, batch_size, cached, callbacks)
        except Exception:
            self.student, self.teacher_head, self.student_head, self.history = before
            raise
        finally:
            for module in (self.student, self.student_head):
                if module is not None:
                    module.eval()
        return self

    def transform(self, data: Any, *, batch_size: Any = 512) -> Float[Tensor, "samples dim"]:
        """The student's embeddings.

        Args:
            data: As in `fit`.
            batch_size: Samples at a time where the data are no loader.

        Returns:
            Shape `(samples, dim)`; on the data's device where they are a tensor, else on the CPU.

        Raises:
            NotFittedError: before `fit`.
        """
        if self.student_head is None:
            raise NotFittedError("this RandomTeacherDistiller is not fitted; call fit(data, epochs) first")
        return encoders.features(self.student, data, batch_size=batch_size)

    @torch.no_grad()
    def calibrate_teacher(self, data: Any, *, batch_size: Any = 256) -> "RandomTeacherDistiller":
        """Estimate the running statistics of the teacher's batch norm layers from data, before `fit`.

        Args:
            data: As in `fit`.
            batch_size: Samples at a time.

        Returns:
            The distiller itself. Without batch norm nothing changes; a student that is fitted keeps its own statistics.
        """
        batch_size = whole_number("batch_size", batch_size, least=1)
        whole = batches.gather(data)
        encoders.recompute_batch_norm_(
            self.teacher,
            lambda: (
                encoders.embed(self.teacher, batches.fit_to(batches.take(whole, rows), self.teacher, self.device))
                for rows in batches.chunks(torch.arange(batches.size(whole)), batch_size)
            ),
        )
        if self.student_head is None:
            self.student = self._start(self.encoder, self.teacher)
        return self

    @property
    def _seeds(self) -> dict[str, int]:
        names = ("teacher", "fresh", "teacher head", "fresh head", "order")
        return dict(zip(names, map(int, np.random.SeedSequence(self.seed).generate_state(len(names))), strict=True))

    def _drawn(self, pattern: nn.Module, which: str, *, given: bool = False) -> nn.Module:
        """A copy of the pattern on the device, with parameters drawn on the CPU (the same on every device)."""
        made = copy.deepcopy(pattern).cpu()
        if not given:
            with encoders.seeded(self._seeds[which], torch.device("cpu")):
                if isinstance(made, ProjectionHead):
                    made.reset_parameters()
                elif callable(self.reset) and "head" not in which:
                    self.reset(made)
                else:
                    encoders.kaiming_reset_(made)
        return made.to(self.device)

    def _freeze(self, module: nn.Module) -> None:
        module.eval().requires_grad_(False)

    def _start(self, pattern: nn.Module, teacher: nn.Module) -> nn.Module:
        """The student's start; frozen parameters of the pattern stay frozen."""
        suffix = " head" if pattern is not self.encoder else ""
        fresh = self._drawn(pattern, f"fresh{suffix}")
        student = copy.deepcopy(teacher)
        interpolate_parameters_(student, teacher, fresh, self.alpha)
        for mine, given in zip(student.parameters(), pattern.parameters(), strict=True):
            mine.requires_grad_(given.requires_grad)
        return student

    def _prepare(self, data: Any) -> None:
        """Make the heads and the student's start; the embedding's width is found by a dry run."""
        first = data if batches.is_whole(data) else next(batches.iterate(data), None)
        if first is None:
            raise InvalidParameterError("the loader is empty; give at least one batch")
        sample = batches.take(batches.inputs_only(first), torch.arange(1))
        try:
            dim = encoders.features(self.teacher, sample).shape[1]
        except (RuntimeError, IndexError) as error:
            shape = [tuple(each.shape) for each in (sample.values() if isinstance(sample, dict) else (sample,))]
            raise InvalidParameterError(
                f"the encoder cannot read one sample of shape {', '.join(map(str, shape))}: {error}; give data of "
                "shape (samples, ...) as the encoder takes them"
            ) from error
        if isinstance(self.head, ProjectionHead) and self.head.in_dim != dim:
            raise InvalidParameterError(
                f"the head takes {self.head.in_dim} features and the encoder gives {dim}; set in_dim={dim}"
            )
        dtype = next(each.dtype for each in self.encoder.parameters() if each.is_floating_point())
        pattern = ProjectionHead(dim, dtype=dtype) if self.head is None else copy.deepcopy(self.head).to(dtype)
        teacher_head = self._drawn(pattern, "teacher head", given=self.reset is None and self.head is not None)
        self._freeze(teacher_head)
        self.student_head = self._start(pattern, teacher_head)
        self.teacher_head = teacher_head
        self.student = self._start(self.encoder, self.teacher)
        self.history = {"kl": [], "grad_norm": [], "distance_from_init": []}

    def _codes(self, encoder: nn.Module, head: nn.Module, batch: Batch) -> Tensor:
        """What is kept of a batch: the head's bottleneck, or the embedding where the head is of another kind."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            embedding = encoders.embed(encoder, batch)
            codes = head.project(embedding) if isinstance(head, ProjectionHead) else embedding
        return codes if codes.dtype == torch.float64 else codes.float()

    def _log_probabilities(self, head: nn.Module, codes: Tensor, kernel: Tensor | None) -> Tensor:
        if kernel is not None:
            return log_softmax(functional.linear(codes, kernel.to(codes.dtype)), self.temperature)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            logits = head(codes)
        return log_softmax(logits, self.temperature)

    @torch.no_grad()
    def _teacher_codes(self, data: Batch, batch_size: int) -> Tensor:
        assert self.teacher_head is not None  # _prepare made it
        rows = torch.split(torch.arange(batches.size(data)), batch_size)
        made = [self._teacher_batch(self._fitting(batches.take(data, each))) for each in rows]
        return torch.cat(made)

    def _fitting(self, batch: Batch) -> Batch:
        return batches.fit_to(batch, self.encoder, self.device)

    @torch.no_grad()
    def _teacher_batch(self, batch: Batch) -> Tensor:
        assert self.teacher_head is not None  # _prepare made it
        return self._codes(self.teacher, self.teacher_head, batch)

    def _steps(self, data: Any, batch_size: int, cached: Tensor | None, order: torch.Generator) -> Iterator[
        tuple[Batch, Tensor]
    ]:  # fmt: skip
        """Batches of one epoch on the device, each with the teacher's codes."""
        if not batches.is_whole(data):
            for given in batches.iterate(data):
                batch = self._fitting(batches.inputs_only(given))
                yield batch, self._teacher_batch(batch)
            return
        for rows in batches.chunks(torch.randperm(batches.size(data), generator=order), batch_size):
            batch = self._fitting(batches.take(data, rows))
            yield batch, self._teacher_batch(batch) if cached is None else cached[rows.to(cached.device)]

    def _train(
        self, data: Any, epochs: int, batch_size: int, cached: Tensor | None, callbacks: Sequence[Callback]
    ) -> None:
        student, head, teacher_head = self.student, self.student_head, self.teacher_head
        assert head is not None and teacher_head is not None  # noqa: PT018
        trained = [each for module in (student, head) for each in module.parameters() if each.requires_grad]
        start = [each.detach().clone() for each in trained]
        optimizer = torch.optim.AdamW(trained, lr=self.lr, weight_decay=self.weight_decay)
        order = torch.Generator().manual_seed(self._seeds["order"])
        kernel = teacher_head.kernel() if isinstance(teacher_head, ProjectionHead) else None
        step = 0
        for epoch in range(1, epochs + 1):
            student.train()
            head.train()
            total, norms, seen = 0.0, [], 0
            for batch, codes in self._steps(data, batch_size, cached, order):
                with torch.no_grad():
                    log_p = self._log_probabilities(teacher_head, codes, kernel)
                mine = head.kernel() if isinstance(head, ProjectionHead) else None
                log_q = self._log_probabilities(head, self._codes(student, head, batch), mine)
                kl = kl_of(log_p, log_q)
                if not math.isfinite(value := kl.item()):
                    raise DivergedError(
                        f"the KL divergence is {value} at step {step} (epoch {epoch}); lower lr (now {self.lr:g}), or "
                        "look for NaN or infinite values in the data"
                    )
                optimizer.zero_grad()
                torch.autograd.backward(kl)
                grads = [each.grad for each in trained if each.grad is not None]
                norms.append(float(nn.utils.get_total_norm(grads)))
                optimizer.step()
                step += 1
                total, seen = total + value * batches.size(batch), seen + batches.size(batch)
            if seen == 0:
                raise InvalidParameterError(
                    f"the loader gave no batch in epoch {epoch}; give one that can be read once an epoch"
                )
            with torch.no_grad():
                moved = math.sqrt(
                    sum(float((a - b).double().square().sum()) for a, b in zip(trained, start, strict=True))
                )
            self.history["kl"].append(total / seen)
            self.history["grad_norm"].append(sum(norms) / len(norms))
            self.history["distance_from_init"].append(moved)
            for callback in callbacks:
                callback(self, epoch)
