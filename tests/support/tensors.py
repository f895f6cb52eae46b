"""Tensors as PyTorch has them and NumPy refuses them."""

import numpy as np


class Tensor:
    """Stands for a tensor of PyTorch: the same attributes, the same errors, for machines without PyTorch."""

    device, is_sparse = "cpu", False

    def __init__(self, array, kind="float32", requires_grad=False):
        self.array, self.dtype, self.requires_grad = np.asarray(array), f"torch.{kind}", requires_grad
        self.shape = self.array.shape

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        raise TypeError("Got unsupported ScalarType BFloat16")

    def __len__(self):
        return len(self.array)

    def __repr__(self):
        return "tensor(…)"


def tensors(array):
    """(tensor, what PyTorch says, hint) for an array."""
    grad = "Can't call numpy() on Tensor that requires grad."
    return [
        (Tensor(array, "bfloat16"), "Got unsupported ScalarType BFloat16", "hint: tensor.float()"),
        (Tensor(array, requires_grad=True), grad, "hint: tensor.detach()"),
        (Tensor(array, "bfloat16", requires_grad=True), grad, "hint: tensor.detach().float()"),
    ]


def torch_tensors(array):
    """The same with PyTorch's own, and a sparse one."""
    import torch

    tensor = torch.as_tensor(np.asarray(array, np.float32))
    grad = "Can't call numpy() on Tensor that requires grad."
    return [
        (tensor.bfloat16(), "BFloat16", "hint: tensor.float()"),
        (tensor.clone().requires_grad_(), grad, "hint: tensor.detach()"),
        (torch.nn.Parameter(tensor.bfloat16()), grad, "hint: tensor.detach().float()"),
        (tensor.to_sparse(), "Sparse", "hint: tensor.to_dense()"),
    ]
