"""The counter-based random numbers of the core, written again in NumPy from the definition.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011). The key is mixed from
the seed and the stream's name, the counter is (index, step, epoch): a number depends on nothing else.
"""

import numpy as np

_MASK64 = 2**64 - 1


def _fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & _MASK64
    return h


def _splitmix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK64
    return x ^ (x >> 31)


class Stream:
    """The numbers of one (seed, name, epoch, step)."""

    def __init__(self, seed, name, epoch=0, step=0):
        key = _splitmix(_splitmix((seed + 0x9E3779B97F4A7C15) & _MASK64) ^ _fnv1a(name))
        self._key = key & 0xFFFFFFFF, key >> 32
        self._epoch, self._step = epoch, step

    def words32(self, n):
        """The first n 32-bit words, four a block."""
        index = np.arange((n + 3) // 4, dtype=np.uint64)
        low32 = np.uint64(0xFFFFFFFF)
        half = np.uint64(32)
        c = [index & low32, index >> half, np.full_like(index, self._step), np.full_like(index, self._epoch)]
        k0, k1 = self._key
        for _ in range(10):
            p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
            c = [(p1 >> half) ^ c[1] ^ np.uint64(k0), p1 & low32, (p0 >> half) ^ c[3] ^ np.uint64(k1), p0 & low32]
            k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
        return np.stack(c, axis=1).ravel()[:n]

    def words64(self, n):
        """The first n 64-bit words, two a block, the high half first."""
        pairs = self.words32(2 * n).reshape(-1, 2)
        return pairs[:, 0] << np.uint64(32) | pairs[:, 1]

    def uniforms(self, n):
        """The first n uniform numbers in [0, 1)."""
        return (self.words64(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def permutation(self, n):
        """0 … n-1 in the order of Fisher and Yates, from the end, with Lemire's unbiased integers."""
        words, order = iter(self.words32(2 * n + 64).tolist()), list(range(n))
        for i in range(n - 1, 0, -1):
            product = next(words) * (i + 1)
            while product % 2**32 < 2**32 % (i + 1):
                product = next(words) * (i + 1)
            j = product >> 32
            order[i], order[j] = order[j], order[i]
        return np.array(order, dtype=np.int64)


def dropout_mask(p, seed, name, shape, epoch=0, step=0):
    """1 / (1 - p) where the element is kept, 0 where it is dropped."""
    words = Stream(seed, f"dropout {name}", epoch, step).words32(int(np.prod(shape)))
    if p == 1.0:
        return np.zeros(shape)
    return (words >= np.uint64(int(p * 2**32))).reshape(shape) / (1.0 - p)


def shuffled(seed, epoch, n):
    """The order of the samples in an epoch, counted from 0."""
    return Stream(seed, "shuffle", epoch).permutation(n)
