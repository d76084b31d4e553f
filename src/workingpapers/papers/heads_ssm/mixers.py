"""How Many Heads Make an SSM? (arXiv 2512.15115): multi-head layers whose coefficients depend on the lag.

Official code: none found.
Implements the factorized class, W_ij = sum_h c_h(i-j) V_h, run directly or by FFT, and its softmax form with a sink.
Differences from the paper: the FFT, the per-channel form and the softmax form with a sink are ours.
"""

import math
from typing import SupportsIndex

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.heads_ssm.checks import compute_dtype, tokens
from workingpapers.papers.heads_ssm.lags import toeplitz_operators
from workingpapers.parts.checks import whole_number

METHODS: tuple[str, ...] = ("auto", "direct", "fft")

# up to this length the Toeplitz product is faster than the FFTs
DIRECT_UP_TO = 32

# most complex numbers in the array of convolved tokens; frequencies are taken in chunks beyond it
CHUNK = 1 << 20


class FactorizedMixer(nn.Module):
    r"""H heads with signed coefficients of the lag: `y_i = sum_{j<=i} sum_h c_h(i-j) V_h x_j`.

    The factorized multi-head class without softmax. `ssm_to_heads` builds the one that replaces an SSM best.

    Args:
        coeff: Coefficients `c_h(tau)`, `(H, n)`.
        value: Maps `V_h`, `(H, p, d)`; or their diagonals `(H, d)` for a mixer that keeps channels apart.
        method: `direct` costs O(H n^2), `fft` O(n log n); `auto` takes the faster for the length at hand.
        operator_error: Relative Frobenius error of the operators against the system that was replaced, where known.
        device: Where the parameters lie; that of the arrays by default.
        dtype: Type of the parameters; that of the arrays by default.

    Attributes:
        coeff: Parameter `(H, n)`.
        value: Parameter `(H, p, d)` or `(H, d)`.
        method: May be changed at any time.
        operator_error: The certificate, measured on the parameters as built; NaN where none was given. It no longer
            speaks for parameters that were trained since.

    Raises:
        InvalidParameterError: shapes do not fit, or an unknown method.
        InvalidTypeError: an array is no tensor.

    Differs from the paper:
        The paper's coefficients may depend on the tokens; for replacing an SSM the lag is enough.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import FactorizedMixer
        >>> mixer = FactorizedMixer(coeff=torch.randn(2, 32), value=torch.randn(2, 3, 5))
        >>> mixer(torch.randn(7, 32, 5)).shape
        torch.Size([7, 32, 3])
    """

    certificate: Tensor

    def __init__(
        self,
        coeff: Tensor,
        value: Tensor,
        *,
        method: str = "auto",
        operator_error: float | int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, array in (("coeff", coeff), ("value", value)):
            if not isinstance(array, Tensor):
                raise InvalidTypeError(f"{name} is of type {type(array).__name__}; it must be a torch tensor")
        if coeff.ndim != 2 or value.ndim not in (2, 3) or coeff.shape[0] != value.shape[0] or 0 in coeff.shape:
            raise InvalidParameterError(
                f"coeff {tuple(coeff.shape)} and value {tuple(value.shape)} do not fit; they must be (H, n) and "
                "(H, p, d), or (H, n) and (H, d) for diagonal maps"
            )
        self.coeff = nn.Parameter(_own(coeff, device, dtype))
        self.value = nn.Parameter(_own(value, device, dtype))
        error = math.nan if operator_error is None else float(operator_error)
        self.register_buffer("certificate", torch.tensor(error, dtype=torch.float64, device=device))
        self.method = method

    @classmethod
    def random(
        cls,
        heads: SupportsIndex,
        n: SupportsIndex,
        d: SupportsIndex,
        p: SupportsIndex,
        *,
        method: str = "auto",
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> "FactorizedMixer":
        """A mixer to be trained: coefficients of deviation `1 / sqrt(n)`, maps of deviation `1 / sqrt(d)`.

        Args:
            heads: H.
            n: Longest sequence.
            d: Input width.
            p: Output width.
            method: As in the class.
            generator: Source of randomness; torch's global one by default.
            device: Where the parameters lie.
            dtype: Type of the parameters.
        """
        count, length = whole_number("heads", heads, least=1), whole_number("n", n, least=1)
        width, out = whole_number("d", d, least=1), whole_number("p", p, least=1)
        coeff = torch.randn(count, length, generator=generator, dtype=dtype) * length**-0.5
        value = torch.randn(count, out, width, generator=generator, dtype=dtype) * width**-0.5
        return cls(coeff, value, method=method, device=device, dtype=dtype)

    @property
    def heads(self) -> int:
        """H."""
        return self.coeff.shape[0]

    @property
    def n(self) -> int:
        """Longest sequence the mixer was built for."""
        return self.coeff.shape[1]

    @property
    def is_diagonal(self) -> bool:
        """Whether the maps are diagonal and channels stay apart."""
        return self.value.ndim == 2

    @property
    def operator_error(self) -> float:
        """Relative Frobenius error of the operators on the full length, as certified when the mixer was built."""
        return float(self.certificate)

    @property
    def method(self) -> str:
        """How the mixer runs: `auto`, `direct` or `fft`."""
        return self._method

    @method.setter
    def method(self, method: str) -> None:
        if method not in METHODS:
            raise InvalidParameterError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
        self._method = method

    def lag_operators(self) -> Float[Tensor, "n p *d"]:
        """`sum_h c_h(tau) V_h` in float64, `(n, p, d)`; `(n, d)` where maps are diagonal."""
        return torch.einsum("hn,h...->n...", self.coeff.double(), self.value.double())

    def operators(self, X: Float[Tensor, "n d"]) -> Float[Tensor, "n n p d"]:
        """Interaction operators on a sequence, whatever the tokens hold."""
        tokens(X, self.value.shape[-1])
        self._fits(X)
        lags = self.lag_operators()[: X.shape[0]]
        return toeplitz_operators(torch.diag_embed(lags) if self.is_diagonal else lags).to(X.dtype)

    def forward(self, X: Shaped[Tensor, "*batch n d"]) -> Shaped[Tensor, "*batch n p"]:
        """Mix tokens.

        Args:
            X: `(batch, n, d)` or `(n, d)`, n at most the length the mixer was built for.

        Returns:
            `(batch, n, p)` or `(n, p)` in the type of `X`; half precision is computed in float32.

        Raises:
            InvalidParameterError: `X` is longer than the mixer, or of another width.
        """
        self._fits(X)
        with torch.autocast(X.device.type, enabled=False):
            work = X.to(compute_dtype(X.dtype))
            coeff, value = self.coeff[:, : X.shape[-2]].to(work.dtype), self.value.to(work.dtype)
            is_short = self.method == "auto" and X.shape[-2] <= DIRECT_UP_TO
            run = _direct if self.method == "direct" or is_short else _by_fft
            return run(coeff, value, work).to(X.dtype)

    def to_softmax(self) -> "SoftmaxMixer":
        """The same operators by softmax heads (our extension, not the paper's).

        Softmax rows are non-negative and sum to one. So the positive and the negative part of each head become a head
        each, coefficients are divided by their largest row sum, which the map takes over, and a sink position with
        value zero takes what is left of each row. At most `2 H` heads.

        Returns:
            The mixer; a part that is zero throughout gets no head.
        """
        signed = self.coeff.detach()
        parts, maps = [], []
        for sign in (1.0, -1.0):
            part = (sign * signed).clamp(min=0.0)
            total = part.sum(1)
            kept = total > 0
            parts.append(part[kept] / total[kept, None])
            maps.append(sign * total[kept].reshape(-1, *[1] * (self.value.ndim - 1)) * self.value.detach()[kept])
        shares, value = torch.cat(parts), torch.cat(maps)
        if len(shares) == 0:  # the zero mixer: one head that looks at the sink only
            shares, value = torch.zeros_like(signed[:1]), torch.zeros_like(self.value.detach()[:1])
        # row i holds lags 0..i; the rest of the row goes to the sink
        slack = (1.0 - shares.cumsum(1)).clamp(min=0.0)
        return SoftmaxMixer(shares.log(), slack.log(), value)

    def _fits(self, X: Tensor) -> None:
        width = self.value.shape[-1]
        if X.ndim not in (2, 3) or X.shape[-1] != width:
            raise InvalidParameterError(f"X has shape {tuple(X.shape)}; it must be (batch, n, {width}) or (n, {width})")
        if X.shape[-2] > self.n:
            raise InvalidParameterError(
                f"X has {X.shape[-2]} tokens and the mixer was built for n = {self.n}; build it again with a larger n"
            )

    def extra_repr(self) -> str:
        width = self.value.shape[-1]
        return f"heads={self.heads}, n={self.n}, d={width}, p={self.value.shape[1]}, method={self.method!r}"


class SoftmaxMixer(nn.Module):
    r"""Softmax heads with position logits and a sink: `softmax([b_g(i-j)]_{j<=i}, s_g(i))`, maps `V_g`.

    What `FactorizedMixer.to_softmax` returns; our extension of the paper.

    Args:
        lag_logits: `b_g(tau)`, `(G, n)`; minus infinity where a head does not look.
        sink_logits: `s_g(i)`, `(G, n)`: the logit of the sink, whose value is zero, as row i sees it.
        value: Maps `(G, p, d)`, or diagonals `(G, d)`.

    Raises:
        InvalidParameterError: shapes do not fit.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearSSM, ssm_to_heads
        >>> ssm = LinearSSM.random("rotation-blocks", N=2, d=3, p=3, seed=0)
        >>> soft = ssm_to_heads(ssm.A, ssm.B, ssm.C, n=16).to_softmax()
        >>> X = torch.randn(2, 16, 3, dtype=torch.float64)
        >>> torch.allclose(soft(X), ssm(X))
        True
    """

    def __init__(self, lag_logits: Tensor, sink_logits: Tensor, value: Tensor) -> None:
        super().__init__()
        if lag_logits.ndim != 2 or lag_logits.shape != sink_logits.shape or value.shape[:1] != lag_logits.shape[:1]:
            raise InvalidParameterError(
                f"lag_logits {tuple(lag_logits.shape)}, sink_logits {tuple(sink_logits.shape)} and value "
                f"{tuple(value.shape)} do not fit; they must be (G, n), (G, n) and (G, p, d)"
            )
        self.lag_logits = nn.Parameter(lag_logits.detach().clone())
        self.sink_logits = nn.Parameter(sink_logits.detach().clone())
        self.value = nn.Parameter(value.detach().clone())

    @property
    def n(self) -> int:
        """Longest sequence the mixer was built for."""
        return self.lag_logits.shape[1]

    def rows(self, n: SupportsIndex | None = None) -> Float[Tensor, "heads n n1"]:
        """Attention rows, `(G, n, n + 1)`: non-negative, each of sum one; the last column is the sink.

        Args:
            n: Length; the mixer's own by default.

        Raises:
            InvalidParameterError: `n` is larger than the mixer's.
        """
        n = self.n if n is None else whole_number("n", n, least=1)
        if n > self.n:
            raise InvalidParameterError(f"n is {n} and the mixer was built for n = {self.n}")
        index = torch.arange(n, device=self.lag_logits.device)
        lag = index[:, None] - index[None, :]
        logits = self.lag_logits[:, lag.clamp(min=0)].masked_fill(lag < 0, -math.inf)
        return torch.cat([logits, self.sink_logits[:, :n, None]], dim=2).softmax(-1)

    def operators(self, X: Float[Tensor, "n d"]) -> Float[Tensor, "n n p d"]:
        """Interaction operators on a sequence; the sink's value is zero, so it adds nothing."""
        tokens(X, self.value.shape[-1])
        value = torch.diag_embed(self.value) if self.value.ndim == 2 else self.value
        return torch.einsum("hij,hpd->ijpd", self.rows(X.shape[0])[:, :, :-1], value).to(X.dtype)

    def forward(self, X: Shaped[Tensor, "*batch n d"]) -> Shaped[Tensor, "*batch n p"]:
        """Mix tokens `(batch, n, d)` or `(n, d)`; the result has the type of `X`."""
        width = self.value.shape[-1]
        if X.ndim not in (2, 3) or X.shape[-1] != width:
            raise InvalidParameterError(f"X has shape {tuple(X.shape)}; it must be (batch, n, {width}) or (n, {width})")
        with torch.autocast(X.device.type, enabled=False):
            work = X.to(compute_dtype(X.dtype))
            rows = self.rows(X.shape[-2])[:, :, :-1].to(work.dtype)
            return _mix(rows, self.value.to(work.dtype), work).to(X.dtype)

    def extra_repr(self) -> str:
        return f"heads={self.value.shape[0]}, n={self.n}"


def _own(array: Tensor, device: torch.device | str | None, dtype: torch.dtype | None) -> Tensor:
    # contiguous: FFTs along strided axes give strided spectra, which slow everything after them
    return array.detach().to(device=device, dtype=dtype, copy=True, memory_format=torch.contiguous_format)


def _mix(rows: Tensor, value: Tensor, X: Tensor) -> Tensor:
    """`sum_h rows_h X V_h^T` for rows `(H, n, n)`."""
    mapped = X.unsqueeze(-3) * value[:, None] if value.ndim == 2 else X.unsqueeze(-3) @ value.mT
    return (rows @ mapped).sum(-3)


def _direct(coeff: Tensor, value: Tensor, X: Tensor) -> Tensor:
    n = X.shape[-2]
    index = torch.arange(n, device=X.device)
    lag = index[:, None] - index[None, :]
    return _mix(coeff[:, lag.clamp(min=0)] * (lag >= 0), value, X)


def _by_fft(coeff: Tensor, value: Tensor, X: Tensor) -> Tensor:
    n = X.shape[-2]
    # 2 n - 1 points or more: no wrap-around reaches the first n
    length = _fast_length(2 * n - 1)
    spectrum = torch.fft.rfft(X.mT.contiguous(), n=length)  # (..., d, frequencies)
    if value.ndim == 2:
        mixed = spectrum * torch.fft.rfft(value.mT @ coeff, n=length)
    else:
        mixed = _mix_spectra(torch.fft.rfft(coeff, n=length), value, spectrum)
    return torch.fft.irfft(mixed, n=length)[..., :n].mT.contiguous()


def _fast_length(least: int) -> int:
    """The smallest 2^a 3^b 5^c that is at least `least`: FFTs of such lengths are fast."""
    best = 1 << (least - 1).bit_length()
    for fives in range(4):
        for threes in range(4):
            odd = 3**threes * 5**fives
            best = min(best, odd << ((least + odd - 1) // odd - 1).bit_length())
    return best


def _mix_spectra(taps: Tensor, value: Tensor, spectrum: Tensor) -> Tensor:
    """`sum_h V_h (taps_h * spectrum)`: `(H, f)`, `(H, p, d)`, `(..., d, f)` to `(..., p, f)`."""
    flat = value.transpose(0, 1).flatten(1)  # (p, H d)
    per_frequency = max(1, spectrum.numel() // spectrum.shape[-1]) * len(taps)
    at_once = max(1, CHUNK // per_frequency)
    pieces = []
    for start in range(0, spectrum.shape[-1], at_once):
        chunk = slice(start, start + at_once)
        convolved = (taps[:, None, chunk] * spectrum[..., None, :, chunk]).flatten(-3, -2)
        # real maps on complex numbers: one real product instead of four
        product = flat @ torch.view_as_real(convolved).flatten(-2)
        pieces.append(torch.view_as_complex(product.reshape(*product.shape[:-1], -1, 2)))
    return torch.cat(pieces, dim=-1)
