"""Reads event files with nothing of ours and nothing of TensorBoard's: what their specifications say, in the plainest
way."""

import struct
from collections import defaultdict
from pathlib import Path

METADATA, TENSOR = 9, 8  # fields of a summary's value


def crc32c(data):
    """Bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """number -> its values in order: integers, the bytes of doubles and floats, the bytes of texts and messages."""
    found, at = defaultdict(list), 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + size], at + size
            assert len(value) == size
        found[key >> 3].append(value)
    return found


def records(path):
    data, at = Path(path).read_bytes(), 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        content = data[at + 12 : at + 12 + size]
        assert len(content) == size
        assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at : at + 8])
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked(content)
        yield content
        at += size + 16


def real(data):
    return struct.unpack("<d", data)[0]


def reals(data):
    return list(struct.unpack(f"<{len(data) // 8}d", data))


class Events:
    """scalars, histograms, images: tag -> [(step, value)]; texts: tag -> text; contents: tag -> what a plugin gets."""

    def __init__(self, path):
        first, *rest = [fields(content) for content in records(path)]
        assert first[3] == [b"brain.Event:2"]
        self.times = [real(event[1][0]) for event in (first, *rest)]
        self.scalars, self.histograms, self.images = defaultdict(list), defaultdict(list), defaultdict(list)
        self.texts, self.contents = {}, {}
        for event in rest:
            step = event[2][0] if event[2] else 0
            for value in fields(event[5][0])[1]:
                self._take(step, fields(value))

    def _take(self, step, value):
        tag = value[1][0].decode()
        if value[2]:
            self.scalars[tag].append((step, struct.unpack("<f", value[2][0])[0]))
        elif value[5]:
            numbers = fields(value[5][0])
            names = ("min", "max", "num", "sum", "sum_squares")
            found = {name: real(numbers[i][0]) for i, name in enumerate(names, 1)}
            found |= {"limits": reals(numbers[6][0]), "counts": reals(numbers[7][0])}
            self.histograms[tag].append((step, found))
        elif value[4]:
            picture = fields(value[4][0])
            self.images[tag].append((step, picture[1][0], picture[2][0], picture[4][0]))
        else:
            plugin = fields(fields(value[METADATA][0])[1][0])
            if plugin[1] == [b"text"]:
                self.texts[tag] = fields(value[TENSOR][0])[8][0].decode()
            else:
                assert plugin[1] == [b"hparams"]
                self.contents[tag] = fields(plugin[2][0])
