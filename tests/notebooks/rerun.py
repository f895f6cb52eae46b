"""Runs notebooks and saves them with their outputs: `python tests/notebooks/rerun.py [00_tour …]`; without names, all."""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"


def paths():
    """All notebooks, by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path):
    """A notebook as it is on disk."""
    return nbformat.read(path, as_version=4)


def run(notebook, folder, timeout=120):
    """Executes a notebook in a folder that gets the result files, at most `timeout` seconds, with this Python."""
    (Path(folder) / "results").symlink_to(FOLDER / "results")
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # ipykernel's own, nothing registered on the machine
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
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


def main(names):
    """Runs the notebooks of these names in place."""
    unknown = set(names) - {path.stem for path in paths()}
    if unknown:
        sys.exit(f"no such notebook: {', '.join(sorted(unknown))}; there are {', '.join(p.stem for p in paths())}")
    for path in paths():
        if not names or path.stem in names:
            notebook = read(path)
            with tempfile.TemporaryDirectory() as folder:
                run(notebook, folder)
            notebook.metadata.pop("language_info", None)  # names the Python that happened to run it
            nbformat.write(notebook, path)
            print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
