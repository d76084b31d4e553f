"""Drawing an experiment's figures into its run's folder."""

import json
import traceback

from workingpapers.bench import registry
from workingpapers.bench.files import explained
from workingpapers.bench.results import LoadedRun


def draw(loaded: LoadedRun) -> dict[str, str]:
    """Draw the experiment's figures into the run's folder; returns the traceback where that failed."""
    folder = loaded.folder / "figures"
    captions: dict[str, str] = {}
    try:
        pictures = registry.experiment(loaded.paper).figures(loaded)
        with explained("write to", folder):
            folder.mkdir(parents=True, exist_ok=True)
            for picture in pictures:
                picture.figure.savefig(folder / f"{picture.name}.png", metadata={"Software": None})
                captions[picture.name] = picture.caption
            (folder / "captions.json").write_text(json.dumps(captions, indent=1, ensure_ascii=False))
    except Exception:
        return {"figures": traceback.format_exc()}
    return {}
