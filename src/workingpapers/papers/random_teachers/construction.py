"""What holds by construction, checked bit by bit, and the valley around the teacher."""

import copy

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from workingpapers.bench.protocols import Trial
from workingpapers.papers.random_teachers.connectivity import loss_plane
from workingpapers.papers.random_teachers.loss import distillation_loss
from workingpapers.papers.random_teachers.method import RandomTeacherDistiller
from workingpapers.papers.random_teachers.settings import Settings
from workingpapers.papers.random_teachers.students import LOCAL, Students

FEW = 64


def study_construction(settings: Settings, trial: Trial, students: Students) -> None:
    """No labels, no augmentation, and a teacher that never learned."""
    x, y = students.images.train[:FEW], students.images.labels[:FEW]
    shuffled = y[torch.randperm(FEW, generator=torch.Generator().manual_seed(trial.seed_for("labels")))]

    def student(labels: Tensor) -> nn.Module:
        return students.distiller(LOCAL).fit(DataLoader(TensorDataset(x, labels), batch_size=32), 1).student

    def supervised(labels: Tensor) -> nn.Module:
        network = nn.Sequential(copy.deepcopy(students.teacher), nn.Linear(students.width, 10)).requires_grad_(True)
        with torch.no_grad():
            for parameter in network[1].parameters():
                parameter.fill_(0.01)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        torch.autograd.backward(nn.functional.cross_entropy(network(x), labels % 10))
        optimizer.step()
        return network

    same = _equal(student(y), student(shuffled))
    trial.claim("no-labels", value=same, control=_equal(supervised(y), supervised(shuffled)))

    trial.claim(
        "no-augmentation", value=_strangers(students, x, x), control=_strangers(students, x, torch.roll(x, 1, -1))
    )

    distiller = students.distiller(LOCAL)
    teacher, start = copy.deepcopy(distiller.teacher), copy.deepcopy(distiller.student)
    distiller.fit(x, 1, batch_size=32)
    trial.claim("no-dark-knowledge", value=_equal(teacher, distiller.teacher), control=_equal(start, distiller.student))


def _strangers(students: Students, known: Tensor, given: Tensor) -> float:
    """Share of the images that enter encoders during `fit` that are not, bit for bit, known ones."""
    seen: list[Tensor] = []
    distiller = students.distiller(LOCAL)
    watched = copy.deepcopy(students.pattern)
    watched.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    RandomTeacherDistiller(watched, head=distiller.head, seed=distiller.seed).fit(given, 1, batch_size=32)
    wanted = {row.numpy().tobytes() for row in known}
    rows = [row.numpy().tobytes() for batch in seen for row in batch.cpu()]
    return sum(row not in wanted for row in rows) / len(rows)


def _equal(a: nn.Module, b: nn.Module) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return all(torch.equal(one[key], other[key]) for key in one)


def study_valley(settings: Settings, trial: Trial, students: Students, main: RandomTeacherDistiller) -> None:
    """The KL at equal distances from the teacher, towards the student and away from it, and on a plane."""
    heads = main.teacher_head, main.student_head
    assert heads[0] is not None and heads[1] is not None  # noqa: PT018  # fit made them
    origin, end = nn.Sequential(main.teacher, heads[0]), nn.Sequential(main.student, heads[1])
    x = students.images.test[:256]
    with torch.no_grad():
        wanted = origin(x)

    def kl(network: nn.Module) -> float:
        with torch.no_grad():
            return float(distillation_loss(wanted, network(x)).kl)

    towards = [(b - a).detach() for a, b in zip(origin.parameters(), end.parameters(), strict=True)]
    generator = torch.Generator().manual_seed(trial.seed_for("direction"))
    random = [torch.randn(each.shape, generator=generator) * each.norm() / each.numel() ** 0.5 for each in towards]
    ratios = {}
    for arm, direction in (("towards the student", towards), ("random direction", random)):
        moved = {share: kl(_moved(origin, direction, share)) for share in (-1.0, -0.5, 0.5, 1.0)}
        for share, value in moved.items():
            trial.record("valley_kl", value, unit="nats", arm=arm, share=share)
        ratios[arm] = moved[-1.0] / moved[1.0]
    trial.claim("asymmetric-valley", value=ratios["towards the student"], control=ratios["random direction"])

    second = _moved(origin, random, 1.0)
    plane = loss_plane(origin, end, second, kl, settings.plane_points, orthogonal=True)
    length = float(plane.points[1, 0])
    for row, y in enumerate(plane.y):
        for column, place in enumerate(plane.x):
            trial.record("plane_kl", float(plane.values[row, column]), unit="nats", x=float(place), y=float(y))
    trial.record("plane_student", length)


def _moved(origin: nn.Module, direction: list[Tensor], share: float) -> nn.Module:
    made = copy.deepcopy(origin)
    with torch.no_grad():
        for parameter, step in zip(made.parameters(), direction, strict=True):
            parameter.add_(step, alpha=share)
    return made
