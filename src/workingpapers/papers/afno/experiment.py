"""Measures AFNO's claims: cost against the number of tokens, resolution, savings over FNO, few-shot segmentation."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workingpapers.bench.protocols import Picture, Results, Trial
from workingpapers.data.catalog import load
from workingpapers.papers.afno import few_shot, pictures, structure
from workingpapers.papers.afno.costs import fourier_savings, growth_of_memory, growth_of_time, long_sequence
from workingpapers.papers.afno.method import AFNO2d
from workingpapers.papers.afno.network import AFNONet
from workingpapers.papers.afno.rivals import BlockFourierOperator, GlobalFilter, LocalPooling
from workingpapers.papers.afno.scenes import IGNORED, Scenes, draw_crops, draw_scenes, read_scenes
from workingpapers.parts.timing import single_thread

DIGIT_CLASSES = 3
CLASS_WEIGHTS = (0.3, 1.0, 1.0)
SPLIT = 1200  # digits before it are trained on, those after it are tested on


@dataclass(frozen=True)
class Settings:
    """Sizes of the experiment at one scale.

    Args:
        sides: Sides of the square token grids that are timed.
        explicit_sides: The same for attention that forms its N × N matrix, which needs N² numbers.
        timed_dim: Channels of the timed mixers, with 8 blocks and 8 heads.
        rounds: Timed rounds.
        fno_side: Side of the grid on which AFNO is compared with FNO, which has C² weights for each mode.
        long_side: Side of the long grid; 256 gives the 65,536 tokens of a first stage on 1024² pixels.
        memory_gb: Memory in which the long grid must fit.
        dim: Channels of the trained networks; depth and num_blocks likewise.
        pretrain_steps: Batches of inpainting.
        tune_steps: Batches of fine-tuning.
        shots: Numbers of labelled scenes; the claim is on the last.
        test_scenes: Fresh scenes for testing.
        photo_steps: Batches of inpainting on the first photograph; only in the first trial.
        checked_dim: Channels of the mixers whose structure is checked.
        scenes_folder: The user's pictures and masks for the last claim, for example Cityscapes; empty for none.
        scenes_side: Side to which these are resized.
    """

    sides: tuple[int, ...]
    explicit_sides: tuple[int, ...]
    timed_dim: int
    rounds: int
    fno_side: int
    long_side: int
    memory_gb: float
    dim: int
    depth: int
    num_blocks: int
    pretrain_steps: int
    tune_steps: int
    shots: tuple[int, ...]
    test_scenes: int
    photo_steps: int
    checked_dim: int = 32
    scenes_folder: str = ""
    scenes_side: int = 128


SCALES = {
    "smoke": Settings(
        sides=(16, 32), explicit_sides=(16, 32), timed_dim=64, rounds=3, fno_side=16, long_side=64, memory_gb=0.05,
        dim=16, depth=2, num_blocks=4, pretrain_steps=20, tune_steps=10, shots=(20,), test_scenes=16, photo_steps=10,
    ),
    "laptop": Settings(
        sides=(32, 64, 128), explicit_sides=(16, 32, 48), timed_dim=256, rounds=2, fno_side=32, long_side=256,
        memory_gb=16.0, dim=48, depth=3, num_blocks=4, pretrain_steps=150, tune_steps=90, shots=(20,),
        test_scenes=150, photo_steps=200,
    ),
    "paper": Settings(
        sides=(32, 64, 128, 256), explicit_sides=(16, 32, 64), timed_dim=768, rounds=5, fno_side=64, long_side=256,
        memory_gb=16.0, dim=256, depth=12, num_blocks=4, pretrain_steps=20_000, tune_steps=2_000,
        shots=(5, 20, 80), test_scenes=1_000, photo_steps=2_000, scenes_side=512,
    ),
}  # fmt: skip


def measure(settings: Settings, trial: Trial) -> None:
    """Measure every claim once; on one thread, so that CPU time is the time of the work and numbers repeat."""
    dim, sides = settings.timed_dim, settings.sides
    with single_thread():
        with trial.seeded("costs"):
            growth_of_time(trial, dim, sides, settings.rounds)
            growth_of_memory(trial, dim, sides, settings.explicit_sides)
            fourier_savings(trial, dim, sides, settings.fno_side, max(settings.rounds, 5))
            long_sequence(trial, settings.long_side, settings.memory_gb)
        _resolution(settings, trial)
        _few_shot(settings, trial)
        if trial.repetition == 0:
            _photographs(settings, trial)
        _brought_scenes(settings, trial)


def figures(results: Results) -> Iterable[Picture]:
    """Draw what the trials recorded."""
    return pictures.figures(results)


def _mixer(dim: int, trial: Trial, bias_std: float = 0.0, **chosen: object) -> AFNO2d:
    rng = np.random.default_rng(trial.seed_for("mixer"))
    mixer = AFNO2d(dim, 4, bias=bias_std > 0, **chosen)  # type: ignore[arg-type]  # keywords of AFNO2d
    structure.draw_parameters(mixer, rng, bias_std)
    return mixer


def _resolution(settings: Settings, trial: Trial) -> None:
    dim, side = settings.checked_dim, 16
    rng = np.random.default_rng(trial.seed_for("tokens"))
    x = torch.from_numpy(rng.normal(0, 1, (1, side, side, dim)))
    sizes = [(16, 16), (16, 24), (7, 5), (1, 9), (64, 64)]
    filter_ = structure.draw_parameters(GlobalFilter(dim, (side, side)), rng)
    published = _mixer(dim, trial, bias_std=0.02)
    trial.claim(
        "any-grid",
        value=structure.runs_on(published, sizes, dim, rng),
        control=structure.runs_on(filter_, sizes, dim, rng),
    )
    seed = trial.seed_for("signal")
    pooling = LocalPooling(dim)
    errors = {
        "invariant": structure.refinement_error(
            _mixer(dim, trial, norm="forward", sparsity_threshold=0.05), side, dim, seed
        ),
        "published": structure.refinement_error(published, side, dim, seed),
        "pooling": structure.refinement_error(pooling, side, dim, seed),
    }
    for arm, error in errors.items():
        trial.record("refinement-error", error, arm=arm)
    trial.claim("finer-grid-invariant", value=errors["invariant"], control=errors["published"])
    trial.claim("finer-grid-published", value=errors["published"], control=errors["pooling"])
    trial.claim("global-reach", value=structure.reach(published, x), control=structure.reach(pooling, x))
    for std in (0.0, 0.01, 0.03, 0.1, 0.3, 1.0):
        mixer = _mixer(dim, trial, bias_std=std, sparsity_threshold=0.0, residual=False)
        trial.record("shift-error", structure.shift_error(mixer, x), arm="afno", bias=std)
    for arm, linear in {"gfn": filter_, "bfno": structure.draw_parameters(BlockFourierOperator(dim, 4), rng)}.items():
        trial.record("shift-error", structure.shift_error(linear, x), arm=arm, bias=0.0)
    best = _mixer(dim, trial, sparsity_threshold=0.0, residual=False)
    dense = structure.DenseTokenMixing(side * side, rng)
    trial.claim("convolution", value=structure.shift_error(best, x), control=structure.shift_error(dense, x))


def _few_shot(settings: Settings, trial: Trial) -> None:
    data = load("digits")
    trial.uses(data)
    rng = np.random.default_rng(trial.seed_for("scenes"))
    images, labels = data["images"], data["labels"]
    seen, fresh = (images[:SPLIT], labels[:SPLIT]), (images[SPLIT:], labels[SPLIT:])
    unlabelled = _to(draw_scenes(*seen, settings.pretrain_steps * few_shot.BATCH, rng), trial)
    labelled = {shots: _to(draw_scenes(*seen, shots, rng), trial) for shots in settings.shots}
    tested = _to(draw_scenes(*fresh, settings.test_scenes, rng), trial)
    finer = _to(draw_scenes(*fresh, max(settings.test_scenes // 5, 2), rng, zoom=2), trial)
    holes = few_shot.draw_holes(len(unlabelled.noisy), 32, rng).to(trial.device)
    test_holes = few_shot.draw_holes(len(tested.noisy), 32, rng).to(trial.device)
    sizes = few_shot.Sizes(settings.dim, settings.depth, settings.num_blocks)
    psnr, step_s, miou = {}, {}, {}
    for arm in trial.steps(few_shot.ARMS, "mixers"):
        with trial.seeded("network"):
            network = few_shot.make_network(arm, sizes, 32, 1, 1).to(trial.device)
            head = nn.Linear(settings.dim, DIGIT_CLASSES * few_shot.PATCH**2).to(trial.device)
        step_s[arm] = float(np.median(few_shot.pretrain(network, unlabelled.noisy, holes, 2e-3)))
        psnr[arm] = few_shot.inpainting_psnr(network, tested, test_holes)
        trial.record("step", step_s[arm], unit="s", timing=True, arm=arm)
        trial.record("psnr", psnr[arm], unit="dB", arm=arm)
        for shots, scenes in labelled.items():
            picks = np.random.default_rng(trial.seed_for("picks"))
            tuned = few_shot.fine_tune(network, head, scenes, settings.tune_steps, 1e-3, CLASS_WEIGHTS, picks)
            miou[arm] = few_shot.mean_iou(tuned, tested, DIGIT_CLASSES)
            trial.record("miou", miou[arm], arm=arm, shots=shots)
        if arm == "afno":
            _spectra(tuned, tested, trial)
        if arm != "gfn":  # it has one weight per mode of its grid
            drop = few_shot.mean_iou(tuned, finer, DIGIT_CLASSES) - miou[arm]
            trial.record("finer-grid-miou", drop, arm=arm)
            if arm == "afno":
                trial.claim("resolution-transfer", value=drop)
    trial.claim(
        "few-shot-accuracy", value=miou["afno"] - miou["attention"], control=miou["no-mixing"] - miou["attention"]
    )
    trial.claim(
        "few-shot-step", value=step_s["attention"] / step_s["afno"], control=step_s["no-mixing"] / step_s["afno"]
    )
    trial.claim("inpainting", value=psnr["afno"] - psnr["attention"], control=psnr["no-mixing"] - psnr["attention"])
    best = max(miou["gfn"], miou["pooled-attention"])
    trial.claim("efficient-mixers", value=miou["afno"] - best, control=miou["no-mixing"] - best)


def _to(scenes: Scenes, trial: Trial) -> Scenes:
    return Scenes(*(part.to(trial.device) for part in (scenes.noisy, scenes.clean, scenes.labels)))


def _spectra(network: AFNONet, scenes: Scenes, trial: Trial) -> None:
    zeros = []
    for index, (before, after) in enumerate(few_shot.spectra(network, scenes.noisy[:32])):
        zeros.append(float((torch.view_as_real(after) == 0).double().mean()))
        trial.record("zeros", zeros[-1], block=index)
        rows = torch.fft.fftfreq(before.shape[1], 1 / before.shape[1]).abs().to(before.device)
        columns = torch.arange(before.shape[2], device=before.device)
        radius = (rows[:, None] ** 2 + columns[None, :] ** 2).sqrt().round().long()
        for name, modes in (("before", before), ("after", after)):
            power = modes.abs().square().mean(dim=(0, 3))
            for ring in range(before.shape[2]):
                trial.record("power", float(power[radius == ring].mean()), when=name, block=index, frequency=ring)
    trial.claim("sparse-spectrum", value=float(np.mean(zeros)), control=_zeros_without_shrinkage(network, scenes))


def _zeros_without_shrinkage(network: AFNONet, scenes: Scenes) -> float:
    thresholds = [(module, module.sparsity_threshold) for module in network.modules() if isinstance(module, AFNO2d)]
    for module, _ in thresholds:
        module.sparsity_threshold = 0.0
    taken = few_shot.spectra(network, scenes.noisy[:32])
    for module, threshold in thresholds:
        module.sparsity_threshold = threshold
    return float(np.mean([float((torch.view_as_real(after) == 0).double().mean()) for _, after in taken]))


def _photographs(settings: Settings, trial: Trial) -> None:
    data = load("photographs")
    trial.uses(data)
    rng = np.random.default_rng(trial.seed_for("photographs"))
    crops = draw_crops(data["china"], settings.photo_steps * few_shot.BATCH, 32, rng).to(trial.device)
    holes = few_shot.draw_holes(len(crops), 32, rng).to(trial.device)
    shown = draw_crops(data["flower"], 1, 64, rng).to(trial.device)
    gaps = few_shot.draw_holes(1, 64, rng).to(trial.device)
    with trial.seeded("photographs"):
        network = few_shot.make_network("afno", few_shot.Sizes(settings.dim, settings.depth, 4), 32, 1, 1)
    few_shot.pretrain(network.to(trial.device), crops, holes, 2e-3)
    with torch.no_grad():
        filled = network.eval()(few_shot.with_holes(shown, gaps)) * gaps + shown * (1 - gaps)
    for name, picture in (("original", shown), ("masked", shown * (1 - gaps)), ("filled", filled)):
        grey = (picture[0, 0].clamp(0, 1) * 255).round().int()
        trial.record("photograph", grey.flatten().tolist(), picture=name)


def _brought_scenes(settings: Settings, trial: Trial) -> None:
    if not settings.scenes_folder:
        trial.not_tested(
            "cityscapes",
            "needs labelled street scenes; give a folder that holds images/ and masks/: "
            "--set scenes_folder=PATH --scale paper",
        )
        return
    scenes = _to(read_scenes(Path(settings.scenes_folder), settings.scenes_side), trial)
    classes = int(scenes.labels[scenes.labels != IGNORED].max()) + 1
    order = torch.from_numpy(np.random.default_rng(trial.seed_for("split")).permutation(len(scenes.noisy)))
    half = len(order) // 2
    train, test = (
        Scenes(scenes.noisy[part], scenes.clean[part], scenes.labels[part]) for part in (order[:half], order[half:])
    )
    sizes = few_shot.Sizes(settings.dim, settings.depth, settings.num_blocks)
    miou = {}
    for arm in ("afno", "gfn", "pooled-attention", "no-mixing"):
        with trial.seeded("network"):
            network = few_shot.make_network(arm, sizes, settings.scenes_side, 3, 3).to(trial.device)
            head = nn.Linear(settings.dim, classes * few_shot.PATCH**2).to(trial.device)
        picks = np.random.default_rng(trial.seed_for("picks"))
        tuned = few_shot.fine_tune(network, head, train, settings.tune_steps, 1e-3, None, picks)
        miou[arm] = few_shot.mean_iou(tuned, test, classes)
        trial.record("brought-miou", miou[arm], arm=arm)
    best = max(miou["gfn"], miou["pooled-attention"])
    trial.claim("cityscapes", value=miou["afno"] - best, control=miou["no-mixing"] - best)
