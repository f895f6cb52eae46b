"""Augment: training images shifted and mirrored at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nncore._support.checks import flag, integer
from nncore._support.strict import Strict


class Augment(Strict):
    """Random shifts and mirroring of training images: `Trainer(…, augment=Augment())`.

        y[c, h, w] = x[c, h + i - crop_padding, v + j - crop_padding]   i, j ~ U{0, …, 2 crop_padding}
        v = w, or W - 1 - w with probability 1/2 if `flip`              0 where x has no such pixel

    The image is padded with zeros, cropped to its size at a random place and, with `flip`, mirrored left to right every
    other time.

    Parameters
    ----------
    crop_padding : int, default 4
        Zeros on each side before the crop; 0: no crop.
    flip : bool, default True
        Mirror with probability 1/2.

    Raises
    ------
    ConfigError
        crop_padding < 0.
    ShapeError
        fit or step of samples that are no images (N, C, H, W).

    Notes
    -----
    Zeros are those of the given images, before the model's Normalize. Which images are moved how follows from the
    Trainer's seed, the epoch, the step and the place in the batch, so training stays reproducible. Evaluation and
    prediction see images as they are. Source: He, Zhang, Ren, Sun, Deep Residual Learning, 2016, section 4.2.

    Examples
    --------
    >>> net = nc.Sequential(nc.Conv2d(1, 4, 3), nc.GlobalAvgPool2d(), nc.Linear(4, 2), seed=0)
    >>> trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), augment=nc.Augment(crop_padding=2))
    >>> X, y = np.random.default_rng(0).normal(size=(8, 1, 6, 6)), np.arange(8) % 2
    >>> trainer.fit(X, y, epochs=1).n_steps
    1
    """

    _hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("crop_padding", "flip"), "assign trainer.augment = Augment(crop_padding, flip)"
    )

    def __init__(self, crop_padding: int = 4, flip: bool = True) -> None:
        self._crop_padding = integer("Augment", "crop_padding", crop_padding, 0, 2**20)
        self._flip = flag("Augment", "flip", flip)

    @property
    def crop_padding(self) -> int:
        """Zeros on each side before the crop."""
        return self._crop_padding

    @property
    def flip(self) -> bool:
        """Whether images are mirrored."""
        return self._flip

    def __setstate__(self, state: dict[str, Any]) -> None:  # earlier versions have names without the underscore
        vars(self).update({f"_{name.removeprefix('_')}": value for name, value in state.items()})

    def __repr__(self) -> str:
        return f"Augment(crop_padding={self.crop_padding}, flip={self.flip})"
