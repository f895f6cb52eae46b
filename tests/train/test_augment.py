"""Training images shifted and mirrored: where they end up, that nothing else changes, and what is refused."""

import numpy as np
import pytest

import nncore as nc
from support.philox import Stream


class Recorder(nc.Layer):
    """Keeps what it was given in training."""

    def build(self, shape):
        self.seen = []
        return shape

    def forward(self, x, training):
        if training:
            self.seen.append(x.copy())
        return x

    def backward(self, dy):
        return dy


def moved(image, augment, words):
    """The definition: pad with zeros, crop, mirror every other image."""
    p = augment.crop_padding
    padded = np.pad(image, [(0, 0), (p, p), (p, p)])
    down, right = (int(words[k]) * (2 * p + 1) >> 32 for k in range(2))
    crop = padded[:, down : down + image.shape[1], right : right + image.shape[2]]
    return crop[:, :, ::-1] if augment.flip and int(words[2]) >> 31 else crop


def record(X, augment, *, epochs=1, normalize=None, **options):
    recorder = Recorder()
    net = nc.Sequential(recorder, nc.Flatten(), nc.Linear(X[0].size, 2), dtype="float64", seed=0, input=normalize)
    trainer = nc.Trainer(
        net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-300), augment=augment, batch_size=5, seed=7, **options
    )
    trainer.fit(X, np.arange(len(X)) % 2, epochs=epochs, metrics=())
    return recorder.seen


@pytest.mark.parametrize("padding", [0, 1, 2, 9])
@pytest.mark.parametrize("flip", [False, True])
def test_images_are_those_of_the_definition(padding, flip, rng):
    X, augment = rng.normal(size=(12, 3, 6, 4)), nc.Augment(padding, flip)
    seen = record(X, augment, epochs=2, shuffle=False)
    assert len(seen) == 6
    for epoch in range(2):
        for step in range(3):
            batch = X[5 * step : 5 * step + 5]
            words = Stream(7, "augment", epoch, step).words32(4 * len(batch)).reshape(-1, 4)
            wanted = [moved(image, augment, w) for image, w in zip(batch, words, strict=True)]
            assert np.array_equal(seen[3 * epoch + step], wanted)


def test_every_place_and_both_sides_come_up_alike(rng):
    X = np.zeros((4000, 1, 5, 5))
    X[:, 0, 2, 1] = 1.0
    seen = np.concatenate(record(X, nc.Augment(1, True)))[:, 0]
    counts = seen.sum(axis=0)
    assert seen.sum() == 4000  # the pixel never leaves the image
    wanted = np.zeros((5, 5))
    wanted[1:4, 0:3] += 4000 / 18
    wanted[1:4, 2:5] += 4000 / 18
    assert np.all(np.abs(counts - wanted) < 5 * np.sqrt(wanted + 1))


def test_zeros_are_those_of_the_bytes_before_normalize(rng):
    X = rng.integers(1, 256, (5, 1, 4, 4), dtype=np.uint8)
    seen = record(X, nc.Augment(4, False), normalize=nc.Normalize(10.0, 2.0), shuffle=False)[0]
    words = Stream(7, "augment", 0, 0).words32(20).reshape(-1, 4)
    wanted = [moved(image, nc.Augment(4, False), w) for image, w in zip(X.astype(float), words, strict=True)]
    np.testing.assert_allclose(seen, (np.array(wanted) - 10.0) / 2.0, rtol=1e-15)


def test_prediction_and_evaluation_see_images_as_they_are(rng):
    X, y = rng.normal(size=(9, 1, 6, 6)), np.arange(9) % 2
    net = nc.Sequential(nc.Flatten(), nc.Linear(36, 2), seed=0)
    plain = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-30))
    augmented = nc.Trainer(net.copy(), nc.CrossEntropyLoss(), nc.SGD(lr=1e-30), augment=nc.Augment())
    augmented.fit(X, y, epochs=1)
    assert augmented.evaluate(X, y) == plain.evaluate(X, y)


def test_a_run_resumed_from_a_file_goes_on_to_the_same_bits(tmp_path, rng):
    pytest.importorskip("safetensors")
    X, y = rng.normal(size=(40, 1, 6, 6)), np.arange(40) % 2

    def make():
        net = nc.Sequential(nc.Conv2d(1, 3, 3), nc.ReLU(), nc.Flatten(), nc.Linear(48, 2), seed=0)
        return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8, augment=nc.Augment(2))

    whole, first = make(), make()
    whole.fit(X, y, epochs=3)
    first.fit(X, y, steps=7)
    first.save(tmp_path / "run")
    resumed = nc.Trainer.resume(tmp_path / "run")
    resumed.fit(X, y, steps=8)
    assert np.array_equal(resumed.model.flat_parameters, whole.model.flat_parameters)


@pytest.mark.parametrize("padding", [-1, 1.5, "4", None, 2**40, True])
def test_bad_padding_is_refused(padding):
    with pytest.raises(nc.ConfigError, match="crop_padding"):
        nc.Augment(padding)


def test_what_is_no_image_is_refused(rng):
    net = nc.Sequential(nc.Linear(4, 2), seed=0)
    with pytest.raises(nc.ConfigError, match="augment: expected an Augment or None, got 4"):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), augment=4)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), augment=nc.Augment())
    for call in (trainer.fit, trainer.step):
        with pytest.raises(nc.ShapeError, match=r"X: expected images \(N, C, H, W\) for augment, got \(3, 4\)"):
            call(rng.normal(size=(3, 4)), [0, 1, 0])
