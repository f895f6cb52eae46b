"""The IDX parser on exact, truncated, over-long, mislabelled and hostile files: FormatError or the right array."""

import gzip
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nncore.datasets._idx import read_idx
from nncore.errors import FormatError

ITEM = (3, 2)
DATA = np.arange(24, dtype=np.uint8).reshape(4, *ITEM) * 10
RAW = bytes.fromhex("00000803 00000004 00000003 00000002") + bytes(range(0, 240, 10))
GZIP = gzip.compress(RAW, mtime=0)


@pytest.fixture
def read(tmp_path):
    def read(content, item_shape=ITEM, count=None):
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_idx(path, item_shape, where="load", count=count)

    return read


def peak_memory(call):
    """Bytes allocated at most while call() raises FormatError."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [RAW, GZIP, gzip.compress(RAW, 0), gzip.compress(RAW, 1)])
def test_exact_bytes_give_the_array(read, content):
    array = read(content)
    np.testing.assert_array_equal(array, DATA)
    assert array.dtype == np.uint8 and array.flags.writeable and array.flags.c_contiguous


def test_round_trip_of_more_than_one_chunk(read, idx_bytes):
    data = np.random.default_rng(0).integers(0, 256, (60, 70, 80), dtype=np.uint8)
    for content in (idx_bytes(data), gzip.compress(idx_bytes(data))):
        np.testing.assert_array_equal(read(content, (70, 80)), data)
    zeros = np.zeros((50, 70, 80), dtype=np.uint8)  # inflates far beyond one chunk of output from few bytes
    np.testing.assert_array_equal(read(gzip.compress(idx_bytes(zeros)), (70, 80)), zeros)


def test_labels_have_no_item_shape(read):
    np.testing.assert_array_equal(read(bytes.fromhex("00000801 00000003 070205"), ()), [7, 2, 5])


@pytest.mark.parametrize("content", [RAW, GZIP], ids=["raw", "gzip"])
def test_every_truncation_is_refused(read, content):
    for length in range(len(content)):
        with pytest.raises(FormatError, match=r"^\[load\] .*file: expected "):
            read(content[:length])


@pytest.mark.parametrize(
    "content",
    [
        RAW + b"\0",
        RAW + RAW,
        gzip.compress(RAW + b"\0"),
        GZIP + b"\0",
        GZIP + GZIP,
        GZIP + gzip.compress(b""),
        gzip.compress(RAW, 9) + b"tail",
    ],
)
def test_over_long_files_are_refused(read, content):
    with pytest.raises(FormatError, match="expected"):
        read(content)


@pytest.mark.parametrize(
    "magic, message",
    [
        ("01000803", "expected an IDX file, which starts 0000, got 01000803"),
        ("00010803", "expected an IDX file"),
        ("08030000", "expected an IDX file"),  # little-endian
        ("00000903", r"expected elements of type 0x08 \(unsigned byte\), got type 0x09"),
        ("00000d03", "got type 0x0d"),
        ("00000801", "expected 3 dimension.*, got 1"),
        ("00000804", "expected 3 dimension.*, got 4"),
        ("000008ff", "expected 3 dimension.*, got 255"),
        ("00000800", "expected 3 dimension.*, got 0"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["raw", "gzip"])
def test_wrong_magic(read, magic, message, compress):
    with pytest.raises(FormatError, match=message):
        read(compress(bytes.fromhex(magic) + RAW[4:]))


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.parametrize("extent", [0, 1, 3, 5, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_wrong_extents_allocate_nothing(read, position, extent, compress):
    shape = [4, 3, 2]
    if shape[position] == extent:
        return
    shape[position] = extent
    content = compress(RAW[:4] + struct.pack(">3I", *shape) + RAW[16:])
    assert peak_memory(lambda: read(content)) < 2**19


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.parametrize(
    "shape",
    [
        (2**32 - 1, 2**32 - 1, 2**32 - 1),
        (2**30, 2**16, 2**18),  # product 2^64: 0 in 64-bit arithmetic
        (2**32 - 1, 2**31, 2),  # passes 2^63
        (2**22, 2**11, 2**11),  # 2^44 bytes
        (2**30 + 1, 1, 1),  # one byte over the cap
    ],
)
def test_products_that_overflow_or_exceed_the_cap(read, shape, compress):
    content = compress(RAW[:4] + struct.pack(">3I", *shape) + bytes(24))
    assert peak_memory(lambda: read(content, shape[1:])) < 2**19


def test_a_file_as_large_as_it_claims_but_over_the_cap_allocates_nothing(tmp_path):
    path = tmp_path / "sparse"
    path.write_bytes(bytes.fromhex("00000801") + struct.pack(">I", 2**30 + 1))
    os.truncate(path, 8 + 2**30 + 1)  # a hole: takes no room on the disk
    assert peak_memory(lambda: read_idx(path, (), where="load")) < 2**19


def test_a_claim_beyond_what_deflate_can_hold_allocates_nothing(read):
    content = gzip.compress(bytes.fromhex("00000801") + struct.pack(">I", 2**30) + bytes(1000))
    assert peak_memory(lambda: read(content, ())) < 2**19


@pytest.mark.parametrize("surplus", [1, 200 * 2**20], ids=["one byte", "bomb"])
def test_a_gzip_bomb_is_inflated_no_further_than_its_header_claims(read, surplus):
    deflate = zlib.compressobj(9, wbits=31)
    content = deflate.compress(RAW) + b"".join(
        deflate.compress(bytes(min(2**20, surplus - start))) for start in range(0, surplus, 2**20)
    )
    content += deflate.flush()
    assert len(content) < 2**18
    assert peak_memory(lambda: read(content)) < 2**20


def test_memory_of_a_large_gzip_file_is_its_claim_plus_a_mebibyte(read, idx_bytes):
    size = 2**25
    content = gzip.compress(idx_bytes(np.zeros(size, dtype=np.uint8)))
    tracemalloc.start()
    try:
        assert read(content, ()).shape == (size,)
        assert tracemalloc.get_traced_memory()[1] < size + 2**20
    finally:
        tracemalloc.stop()


def test_a_wrong_crc_or_length_is_refused(read):
    for position in range(len(GZIP) - 8, len(GZIP)):
        content = bytearray(GZIP)
        content[position] ^= 1
        with pytest.raises(FormatError, match="expected a gzip stream, got a corrupt one"):
            read(bytes(content))


def test_the_count_is_checked(read):
    assert len(read(RAW, count=4)) == 4
    with pytest.raises(FormatError, match="expected 5 items, got 4"):
        read(RAW, count=5)


def test_something_else_than_a_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(FormatError, match="expected a regular file"):
            read_idx(path, ITEM, where="load")


def content_of(mutated):
    """What a correct reader may return for these bytes: their elements, by other means than the parser's."""
    if mutated[:2] == b"\x1f\x8b":
        mutated = gzip.decompress(mutated)
    assert mutated[:16] == RAW[:16] and len(mutated) == len(RAW)
    return np.frombuffer(mutated[16:], dtype=np.uint8).reshape(DATA.shape)


edits = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete", "cut"]), st.integers(0, 200), st.integers(0, 255)), max_size=4
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.sampled_from([RAW, GZIP, gzip.compress(RAW, 0, mtime=0)]), edits=edits)
def test_mutated_files_are_refused_or_read_right(read, content, edits):
    mutated = bytearray(content)
    for kind, position, value in edits:
        position %= len(mutated) + 1
        if kind == "cut":
            del mutated[position:]
        elif kind == "insert":
            mutated.insert(position, value)
        elif position < len(mutated):
            mutated[position : position + 1] = [value] if kind == "set" else []
    try:
        array = read(bytes(mutated))
    except FormatError:
        assert edits
        return
    np.testing.assert_array_equal(array, content_of(bytes(mutated)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=64), prefix=st.sampled_from([b"", RAW[:4], RAW[:16], GZIP[:10], GZIP[:20]]))
def test_arbitrary_bytes_are_refused_or_read_right(read, content, prefix):
    try:
        array = read(prefix + content)
    except FormatError:
        return
    np.testing.assert_array_equal(array, content_of(prefix + content))
