"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale. A task is (latents, columns, samples, bits).

    Args:
        wide: Four latents, columns fewer than samples.
        undersampled: Four latents, few samples.
        few_latents: Two latents, about as many columns as samples.
        many_latents: As many columns and samples as `few_latents`, the same bits, and many latents.
        strong: High information, for SMILE with and without variational encoders.
        strong_data: Data sets of it in one trial.
        easy: The task of the coverage; the linear Gaussian one beside it has its latents, samples and bits.
        easy_columns: Columns of the linear one.
        easy_data: Data sets of each coverage task in one trial.
        digits: Pairs of digits; 0 leaves them out.
        gammas: Into how many chunks, 1 to this.
        epochs: Of the protocol.
        naive_epochs: Of the rivals that take their last epoch.
        embed_dim: Of the critics.
        principal: Principal components that CCA gets of each side.
        images: Path of MNIST; empty for the packaged 5,000 digits.
    """

    wide: tuple[int, int, int, float] = (4, 100, 2048, 2.0)
    undersampled: tuple[int, int, int, float] = (4, 500, 1024, 2.0)
    few_latents: tuple[int, int, int, float] = (2, 500, 512, 1.0)
    many_latents: tuple[int, int, int, float] = (50, 500, 512, 1.0)
    strong: tuple[int, int, int, float] = (10, 100, 2048, 8.0)
    strong_data: int = 3
    easy: tuple[int, int, int, float] = (2, 50, 1024, 1.0)
    easy_columns: int = 10
    easy_data: int = 6
    digits: int = 1000
    gammas: int = 6
    epochs: int = 50
    naive_epochs: int = 100
    embed_dim: int = 8
    principal: int = 10
    images: str = ""


_SMOKE = (2, 20, 128, 1.0)
SCALES = {
    "smoke": Settings(
        wide=_SMOKE,
        undersampled=_SMOKE,
        few_latents=(2, 50, 512, 1.0),
        many_latents=(20, 20, 128, 1.0),
        strong=(4, 20, 128, 4.0),
        strong_data=2,
        easy=_SMOKE,
        easy_data=1,
        digits=0,
        gammas=3,
        epochs=4,
        naive_epochs=8,
    ),
    "laptop": Settings(),
    "paper": Settings(
        wide=(10, 500, 16384, 2.0),
        undersampled=(10, 500, 2048, 2.0),
        strong=(10, 500, 16384, 8.0),
        strong_data=10,
        easy_data=20,
        digits=2000,
        gammas=8,
        epochs=100,
        naive_epochs=150,
    ),
}
