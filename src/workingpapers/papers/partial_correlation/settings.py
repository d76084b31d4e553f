"""Sizes of the experiment at its three scales."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of one scale.

    Args:
        tables: Real tables, by name, that the exact statements are checked on beside generated data.
        cups: Path of the Roman cups as CSV; empty looks at WORKINGPAPERS_DATA_ROMAN_CUPS.
        own_table: Path of a CSV file of the user's, checked as the real tables are; empty for none.
        exact_parts: Numbers of parts of the generated data that the exact statements are checked on.
        parts: Numbers of parts of the sparse networks.
        claimed_parts: Those of them that the comparison with pairwise association is claimed for.
        n: Samples of a network.
        draws: Networks from which one part is dropped.
        drop_parts: Their number of parts.
        wide: Pairs of parts and samples on which shrinkage is tried, flattened: parts, samples, parts, samples, …
        depth: Counts in a sample of the study with zeros; 0 leaves it out.
    """

    tables: tuple[str, ...] = ("glass", "pottery", "lavas")
    cups: str = ""
    own_table: str = ""
    exact_parts: tuple[int, ...] = (7, 15)
    parts: tuple[int, ...] = (15, 30, 100)
    claimed_parts: tuple[int, ...] = (15, 30)
    n: int = 200
    draws: int = 10
    drop_parts: int = 15
    wide: tuple[int, ...] = (100, 200, 100, 60)
    depth: int = 5000


SCALES = {
    "smoke": Settings(exact_parts=(7,), parts=(15,), claimed_parts=(15,), draws=3, wide=(20, 30), depth=2000),
    "laptop": Settings(),
    "paper": Settings(exact_parts=(7, 15, 30), parts=(15, 30, 100, 300), n=400, wide=(100, 200, 100, 60, 300, 400)),
}
