"""A hook of the build: the wheel carries the notebooks with their outputs cleared, which quarters them."""

import json
import shutil
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ClearedNotebooks(BuildHookInterface):
    """The course inside the wheel, so that `colorlab lab` and `colorlab run` work outside a clone."""

    def initialize(self, version: str, build_data: dict) -> None:
        if version == "editable":  # a clone has them beside the package
            return
        self.folder = Path(tempfile.mkdtemp(prefix="colorlab-notebooks-"))
        for source in sorted((Path(self.root) / "notebooks").iterdir()):
            if source.suffix == ".ipynb":
                notebook = cleared(json.loads(source.read_text(encoding="utf-8")))
                text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
                (self.folder / source.name).write_text(text, encoding="utf-8")
            elif source.suffix == ".md":
                shutil.copyfile(source, self.folder / source.name)
        build_data["force_include"][str(self.folder)] = "colorlab/_share/notebooks"

    def finalize(self, version: str, build_data: dict, artifact_path: str) -> None:
        if version != "editable":
            shutil.rmtree(self.folder)


def cleared(notebook: dict) -> dict:
    """The notebook as before its first run."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return notebook
