"""Runs notebooks and saves their outputs: `python tests/notebooks/rerun.py [00_tour …]`, without names all."""

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parents[2] / "notebooks"
BESIDE = ("course.py", "results")  # what notebooks find where they run


def paths():
    """All notebooks, by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path):
    """A notebook as it is on disk."""
    return nbformat.read(path, as_version=4)


def run(notebook, folder, timeout=120):
    """Executes a notebook with this Python, each cell at most `timeout` seconds, in a folder that gets what stands
    beside it."""
    for name in BESIDE:
        (Path(folder) / name).symlink_to(FOLDER / name)
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # ipykernel's own, nothing registered on the machine
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}  # nothing new beside course.py
    if "PYTHONPATH" in environment:  # relative entries mean another folder there
        entries = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in entries)
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=environment, cleanup_kc=True)


def with_palettes(notebook):
    """Stores its pictures with 256 colours each, a third of the size."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
                file = io.BytesIO()
                picture.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
                output.data["image/png"] = base64.b64encode(file.getvalue()).decode()


def main(names):
    """Runs the notebooks of these names in place."""
    unknown = set(names) - {path.stem for path in paths()}
    if unknown:
        sys.exit(f"no such notebook: {', '.join(sorted(unknown))}; there are {', '.join(p.stem for p in paths())}")
    for path in paths():
        if not names or path.stem in names:
            notebook = read(path)
            with tempfile.TemporaryDirectory() as folder:
                run(notebook, folder, timeout=600)
            with_palettes(notebook)
            notebook.metadata.pop("language_info", None)  # names the Python that happened to run it
            nbformat.write(notebook, path)
            print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
