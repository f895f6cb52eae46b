#!/usr/bin/env bash
# Keras 3.15.1 (torch 2.13.0 as backend): keras.layers.Add()([x, y]) and x + y on the same two symbols are different
# functions when the ranks differ.
#
# What one would guess: the layer is the operator with a name (PyTorch, ONNX's Add and keras.ops.add broadcast alike,
# from the last axis), so a model rewritten from one form to the other, or exported as an Add node, keeps its numbers.
#
# What happens: the merging layers put axes of size 1 behind the batch axis until the ranks agree: (N, 3) beside
# (N, 3, 3) is taken as (N, 1, 3). The operator takes it as (1, N, 3), along the batch. With N = 3 both work, and
# disagree without a word; with other N the operator fails and the layer works. Multiply, Subtract, Maximum do the same,
# which is what makes Multiply()([images, scales]) with (N, H, W, C) and (N, C) a scale for each sample and channel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 torch==2.13.0 numpy==2.4.6
KERAS_BACKEND=torch KERAS_HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

a = np.arange(9, dtype="float32").reshape(3, 3)
b = 100 * np.arange(27, dtype="float32").reshape(3, 3, 3)
x, y = keras.Input((3,)), keras.Input((3, 3))
layer = keras.Model([x, y], keras.layers.Add()([x, y])).predict([a, b], verbose=0)
operator = keras.Model([x, y], x + y).predict([a, b], verbose=0)
print("Keras", keras.__version__)
print("Add()([x, y])[1]:", layer[1].tolist())
print("(x + y)[1]:      ", operator[1].tolist())
assert np.array_equal(layer, a[:, None, :] + b), "the layer no longer puts the axis behind the batch"
assert np.array_equal(operator, a + b), "the operator no longer broadcasts as NumPy does"
assert not np.array_equal(layer, operator)

images, scales = np.random.default_rng(0).random((2, 5, 6, 4)), np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype="float64")
scaled = keras.ops.convert_to_numpy(keras.layers.Multiply(dtype="float64")([images, scales]))
assert np.array_equal(scaled, images * scales[:, None, None, :])
try:
    keras.ops.multiply(images, scales)
except Exception as error:
    print("ops.multiply(images, scales):", type(error).__name__)
else:
    raise SystemExit("ops.multiply takes them now")
PYTHON
