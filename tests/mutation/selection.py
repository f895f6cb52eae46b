"""Which files are changed, and which tests are asked: the few about the file first, then the broad selection."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GLOBS = [
    *(f"cpp/src/{folder}/**/*.[ch]pp" for folder in ("layers", "losses", "lowering", "optimizers", "schedules")),
    "cpp/src/model/inference.hpp",
    *(f"cpp/src/train/{name}" for name in ("augment.hpp", "monitor.cpp", "statistics.hpp")),
    *(f"cpp/src/kernels/{name}" for name in ("conv/*.[ch]pp", "elementwise/activations.hpp", "gemm/sparse.cpp",
                                             "gemm/dot.cpp",
                                             "pool/*.[ch]pp", "reduce/channels.cpp", "reduce/statistics.cpp",
                                             "simd/transpose.hpp", "softmax/*.[ch]pp", "update/*.[ch]pp")),
]  # fmt: skip
GRADIENTS, BY_HAND = "tests/contract/test_layer_gradients.py", "tests/layers/test_layers_by_hand.py"
LAYERS = [GRADIENTS, BY_HAND, *(f"tests/layers/test_normalization{ending}.py" for ending in ("", "_torch"))]
LOSSES = ["tests/contract/test_loss_contract.py", "tests/losses/test_losses_by_hand.py"]
OPTIMIZERS = ["tests/contract/test_optimizer_contract.py", "tests/optimizers"]
TRAINING = ["tests/train/test_planned_equals_layerwise.py", "tests/train/test_trajectory.py"]
IMAGES = ["tests/layers/test_images_by_hand.py", "tests/layers/test_images_torch.py", "tests/model/test_inference.py",
          "tests/train/test_convolutional_nets.py", "tests/train/test_every_fusion.py"]  # fmt: skip
# The few tests tried first, and a -k expression; None: the names a file registers.
FIRST = {
    "winograd": (["tests/layers/test_winograd.py", *IMAGES], ""),
    **dict.fromkeys(["conv", "correlation", "pool", "reorder", "transpose", "window", "inference"], (IMAGES, "")),
    "batch_norm2d.cpp": ([GRADIENTS, *IMAGES], "Norm or norm or block"),
    "augment.hpp": (["tests/train/test_augment.py"], ""),
    **dict.fromkeys(["statistics", "monitor.cpp"], (["tests/diagnostics/test_monitor.py"], "")),
    "residual": ([GRADIENTS, "tests/layers/test_residual.py"], ""),
    **dict.fromkeys(
        ["layers/linear", "sparse", "gemm"], ([GRADIENTS, "tests/layers/test_wide_linear.py", *TRAINING], "")
    ),
    "layers": (LAYERS, None),
    "losses": (LOSSES, None),
    "optimizers": (OPTIMIZERS, None),
    "schedules": (["tests/contract/test_schedules.py", "tests/schedules"], ""),
    "activations.hpp": (LAYERS, None),
    "channels.cpp": (LAYERS, "Norm"),
    "softmax/": ([GRADIENTS, BY_HAND, *LOSSES], "softmax or cross"),
    "update/": (OPTIMIZERS, ""),
    "lowering": ([GRADIENTS, BY_HAND, *TRAINING, *IMAGES], ""),
}
BROAD = ["tests/contract", "tests/layers", "tests/losses", "tests/optimizers", "tests/schedules", "tests/model",
         "tests/train/test_fit.py", "tests/train/test_penalties_and_clipping.py", *TRAINING, *IMAGES[-2:],
         "tests/diagnostics/test_monitor.py", "tests/train/test_augment.py"]  # fmt: skip


def sources():
    return sorted({path for glob in GLOBS for path in ROOT.glob(glob)})


def names_for(mutant):
    """A -k expression: what the file registers, or those that include it, or the struct the mutant stands in."""
    names = re.findall(r"\w+<\w+>\(\"(\w+)\"\)", (ROOT / mutant.file).read_text(encoding="utf-8"))
    if not names:
        near = [mutant.near] if mutant.file.endswith("activations.hpp") else []  # other helpers serve all of their kind
        names = {"batch_norm.hpp": ["Norm"], "channels.hpp": ["Norm"]}.get(Path(mutant.file).name, near)
    short = {"GeluTanh": "gelu", "SigmoidPair": "silu or gelu", "sigmoid_pair": "silu or gelu"}
    return " or ".join([*(short.get(name, name) for name in names), "by_hand"] if names else [])


def selection(mutant, broad):
    """Paths of tests and a -k expression."""
    if broad:
        return [path for path in BROAD if (ROOT / path).exists()], ""
    paths, names = next(FIRST[key] for key in FIRST if key in mutant.file.removeprefix("cpp/src/kernels/"))
    return paths, names_for(mutant) if names is None else names
