"""The continuous-time recurrent network of the paper and its tangent kernel through the structure of its gradients."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.parts.calling import check_kernel_size
from workingpapers.parts.checks import one_of, real_number, whole_number

WEIGHTS = ("input.weight", "recurrent.weight", "output.weight")


class CTRNN(nn.Module):
    r"""Continuous-time recurrent network without biases, discretised with leak `a = dt / tau`.

    `h_t = phi((1 - a) h_{t-1} + a (W_in x_t + W h_{t-1}))`, `y_t = W_out h_t`, `h_0 = 0`; with `dt = tau` the leak
    is one. The matrices are `input.weight` `(hidden, in)`, `recurrent.weight` `(hidden, hidden)` and `output.weight`
    `(out, hidden)`, all trained. Initial `W` is Gaussian with standard deviation `gain / sqrt(hidden)`; use
    `structured_connectivity` and `truncate_rank_` on `recurrent.weight` for others.

    Args:
        input_size: Inputs at each step.
        hidden_size: Units H.
        output_size: Outputs at each step.
        dt: Step in ms.
        tau: Time constant in ms; at least dt.
        activation: `relu`, `tanh` or `linear`.
        seq_first: Whether time is the first axis, `(time, batch, in)`, or the second.
        gain: Of the initial recurrent matrix.
        device: Where the parameters lie.
        dtype: Their type.

    Raises:
        InvalidParameterError: a size below 1, `tau < dt`, or an unknown activation.

    Differs from the paper:
        None known in the equations; the default gain 1.25 is that of the official code.

    Example:
        >>> import torch
        >>> outputs, hidden = CTRNN(3, 20, 2)(torch.randn(8, 5, 3))
        >>> outputs.shape, hidden.shape
        (torch.Size([8, 5, 2]), torch.Size([8, 5, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        dt: float | int = 100,
        tau: float | int = 100,
        activation: str = "relu",
        seq_first: bool = True,
        gain: float | int = 1.25,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("output_size", output_size)):
            whole_number(name, size, least=1)
        one_of("activation", activation, ("relu", "tanh", "linear"))
        if real_number("dt", dt, above=0) > real_number("tau", tau, above=0):
            raise InvalidParameterError(
                f"dt is {dt} and tau is {tau}; a step longer than tau is unstable, choose dt <= tau"
            )
        self.leak = dt / tau
        self.activation = activation
        self.seq_first = seq_first
        self.gain = real_number("gain", gain, above=0)
        self.input = nn.Linear(input_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.recurrent = nn.Linear(hidden_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.output = nn.Linear(hidden_size, output_size, bias=False, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all matrices anew, from torch's global generator as `nn.Module`s do."""
        self.input.reset_parameters()
        self.output.reset_parameters()
        nn.init.normal_(self.recurrent.weight, std=self.gain / self.recurrent.in_features**0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # shapes below: the compiler cannot trace their checks
        """Outputs and hidden states at each step.

        Args:
            x: Inputs `(time, batch, in)`, or `(batch, time, in)` where `seq_first` is False.

        Returns:
            Outputs `(time, batch, out)` and hidden states `(time, batch, hidden)`, or batch first likewise.

        Raises:
            InvalidParameterError: x does not have three axes or `input_size` inputs.
        """
        if x.ndim != 3 or x.shape[2] != self.input.in_features:
            order = "time, batch" if self.seq_first else "batch, time"
            raise InvalidParameterError(f"x has shape {tuple(x.shape)}; give ({order}, {self.input.in_features})")
        drive = self.input(x if self.seq_first else x.transpose(0, 1))
        h = torch.zeros_like(drive[0])
        states = []
        for step in drive:
            u = step + self.recurrent(h)
            if self.leak != 1.0:
                u = (1 - self.leak) * h + self.leak * u
            h = self._phi(u)
            states.append(h)
        hidden = torch.stack(states, 0 if self.seq_first else 1)
        return self.output(hidden), hidden

    def _phi(self, u: Tensor) -> Tensor:
        if self.activation == "relu":
            return torch.relu(u)
        return torch.tanh(u) if self.activation == "tanh" else u

    def _slope(self, h: Tensor) -> Tensor:
        """phi'(u) from h = phi(u)."""
        if self.activation == "relu":
            return (h > 0).to(h.dtype)
        return 1 - h.square() if self.activation == "tanh" else torch.ones_like(h)


@torch.no_grad()
def rnn_tangent_kernel(
    network: CTRNN, x: Tensor, names: Iterable[str] = ("recurrent.weight",), max_memory_mb: float | int = 256.0
) -> Tensor:
    r"""The tangent kernel of all outputs of a `CTRNN`, never forming the Jacobian.

    With `delta_s^a = d y_a / d u_s` for an output a of step t >= s, `dy_a/dW = leak sum_s delta_s^a h_{s-1}^T`, so that
    `K_ab = leak^2 sum_{s,s'} (delta_s^a . delta_s'^b)(h_{s-1} . h_{s'-1})`; for `W_in` with x_s in place of h_{s-1};
    for `W_out`, `K_ab = [same class] h_t . h_t'`. Deltas of all outputs are carried back together, and one
    block of K is made for each pair of steps.

    Args:
        network: The network.
        x: Inputs as the network takes them.
        names: Which of `input.weight`, `recurrent.weight`, `output.weight`.
        max_memory_mb: Bound on the kernel's size in MB.

    Returns:
        `(n, n)`, rows in the memory order of the network's outputs.
    """
    chosen = set(names)
    one = network(x)[1]
    hidden = one if network.seq_first else one.transpose(0, 1)  # (time, batch, hidden)
    inputs = x if network.seq_first else x.transpose(0, 1)
    steps, batch, width = hidden.shape
    out = network.output.weight  # (class, hidden)
    classes, leak = out.shape[0], network.leak
    check_kernel_size(steps * batch * classes, hidden.element_size(), max_memory_mb)
    before = torch.cat([torch.zeros_like(hidden[:1]), hidden[:-1]])  # h_{s-1}
    slopes = network._slope(hidden)
    feeds = []  # what delta_s is multiplied with in dy/dW and dy/dW_in
    if "recurrent.weight" in chosen:
        feeds.append(before)
    if "input.weight" in chosen:
        feeds.append(inputs)
    first = 0 if "input.weight" in chosen else 1  # h_0 = 0: the first step does not touch W
    # deltas[t]: d y_t / d u_s for s = first..t, (s, class, batch, hidden)
    deltas: list[list[Tensor]] = [[] for _ in range(steps)]
    active = hidden.new_zeros(0, classes, batch, width)
    if feeds:
        for s in range(steps - 1, first - 1, -1):
            carried = (1 - leak) * active + leak * (active @ network.recurrent.weight)
            active = torch.cat([out[:, None, :].expand(1, classes, batch, width), carried]) * slopes[s]
            for offset in range(active.shape[0]):  # rows of step s + offset
                deltas[s + offset].append(active[offset])
    kernel = hidden.new_zeros(steps, classes, batch, steps, classes, batch)
    stacked = [torch.stack(each[::-1]) if each else None for each in deltas]
    inner = [torch.tensordot(feed, feed, ([2], [2])) for feed in feeds]  # (s, batch, s', batch)
    products = leak**2 * torch.stack(inner).sum(0) if inner else None
    same = torch.eye(classes, dtype=hidden.dtype, device=hidden.device)
    for t in range(steps):
        for u in range(t, steps):
            block = hidden.new_zeros(classes, batch, classes, batch)
            left, right = stacked[t], stacked[u]
            if products is not None and left is not None and right is not None:
                weights = products[first : t + 1, :, first : u + 1]
                for s in range(len(left)):  # one step at a time bounds the memory
                    gram = torch.tensordot(left[s], right, ([2], [3]))  # (class, batch, s', class', batch')
                    block += (gram * weights[s][None, :, :, None, :]).sum(2)
            if "output.weight" in chosen:
                block += same[:, None, :, None] * (hidden[t] @ hidden[u].T)[None, :, None, :]
            kernel[t, :, :, u] = block
            kernel[u, :, :, t] = block.permute(2, 3, 0, 1)
    order = (0, 2, 1, 3, 5, 4) if network.seq_first else (2, 0, 1, 5, 3, 4)
    rows = steps * batch * classes
    return kernel.permute(*order).reshape(rows, rows)
