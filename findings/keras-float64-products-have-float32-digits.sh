#!/usr/bin/env bash
# Keras 3.15.1 (torch 2.13.0 as backend): matrix products of float64 numbers are computed in float32, in a layer whose
# output says float64, too.
#
# What one would guess: dtype="float64", or the global policy "float64", computes in float64, as torch does with such
# tensors; so a model can be compared with another library's to 1e-12, or its gradients be checked by differences.
#
# What happens: keras.ops.matmul, dot and tensordot of two float64 arrays return float32, whatever the policy. A Dense
# layer of dtype float64 casts that back: its output is a float64 array with seven digits. Sums, einsum and element by
# element products keep all digits, so only some layers of a model lose them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 torch==2.13.0 numpy==2.4.6
KERAS_BACKEND=torch KERAS_HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

keras.config.set_dtype_policy("float64")
generator = np.random.default_rng(0)
x, w = generator.random((5, 64)), generator.random((64, 7))


def seen(name, result, expected):
    array = keras.ops.convert_to_numpy(result)
    error = np.abs(array - expected).max()
    print(f"{name:<24}{array.dtype!s:<9}largest error {error:.1e}")
    return array.dtype, error


print("Keras", keras.__version__)
for name in ("matmul", "dot"):
    dtype, error = seen(name, getattr(keras.ops, name)(x, w), x @ w)
    assert dtype == np.float32 and error > 1e-7, f"{name} keeps float64 now"
dtype, error = seen("tensordot", keras.ops.tensordot(x, w, 1), x @ w)
assert dtype == np.float32 and error > 1e-7, "tensordot keeps float64 now"
dtype, error = seen("einsum", keras.ops.einsum("ij,jk->ik", x, w), x @ w)
assert dtype == np.float64 and error < 1e-13
dtype, error = seen("multiply", keras.ops.multiply(x, x), x * x)
assert dtype == np.float64 and error == 0

dense = keras.layers.Dense(7, dtype="float64")
dense.build((None, 64))
dense.set_weights([w, np.zeros(7)])
assert all(weight.dtype == "float64" for weight in dense.weights)
dtype, error = seen("Dense(dtype='float64')", dense(x), x @ w)
assert dtype == np.float64 and error > 1e-7, "a Dense layer of float64 has its digits now"
PYTHON
