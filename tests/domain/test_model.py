"""The compiled model: arithmetic by hand, bytes that are equal for equal content, and junk refused."""

import io
import math
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levibotd.domain.model import CLASSES, MEMBER_BYTES_MAX, Arrays, CompiledModel, decode, digest, encode
from levibotd.errors import ConfigError


def arrays() -> Arrays:
    """Two words, one pair, one mark; chosen so that sums can be done by hand."""
    return Arrays(
        words=("buy", "buy now", "now"),
        marks=("__geo_ok",),
        weights=np.array([[1.0, -1.0, 0.0], [2.0, -2.0, 0.0], [0.0, 0.0, 0.0], [3.0, -3.0, 0.0]]),
        idf=np.array([1.0, 2.0, 1.0, 1.5]),
        intercepts=np.array([0.1, 0.2, -0.3]),
        sigmoids=np.array([[-1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]),
    )


def altered(name: str, body: bytes | None, *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The model's bytes with one member replaced, or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(encode(arrays()))) as source, zipfile.ZipFile(out, "w", compression) as target:
        for member in source.namelist():
            if member != name:
                target.writestr(member, source.read(member))
            elif body is not None:
                target.writestr(member, body)
    return out.getvalue()


def npy(array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", *, pickled: bool = False) -> bytes:
    body = io.BytesIO()
    np.save(body, array, allow_pickle=pickled)
    return body.getvalue()


def test_a_margin_is_the_weighted_sum_of_two_unit_blocks() -> None:
    norm = math.sqrt(1 + 4 + 1)  # buy, "buy now" (idf 2), now
    expected = 0.1 + (1 * 1 + 2 * 2) / norm + 3.0
    assert CompiledModel(arrays()).margins("Buy now", ("__geo_ok",))[0] == pytest.approx(expected, abs=1e-12)


def test_repeated_words_count_by_their_logarithm() -> None:
    twice = 1 + math.log(2)
    margin = CompiledModel(arrays()).margins("now buy buy", ())
    assert margin[0] == pytest.approx(0.1 + twice / math.hypot(twice, 1), abs=1e-12)


def test_an_unknown_text_gets_the_intercepts() -> None:
    assert CompiledModel(arrays()).margins("xyz", ("__no",)) == (0.1, 0.2, -0.3)


def test_probabilities_are_the_sigmoids_brought_to_one() -> None:
    probs = CompiledModel(arrays()).probs("xyz", ())
    single = [1 / (1 + math.exp(-margin)) for margin in (0.1, 0.2, -0.3)]
    assert tuple(probs) == CLASSES
    assert list(probs.values()) == pytest.approx([value / sum(single) for value in single], abs=1e-12)


def test_the_shares_of_an_explanation_are_exact() -> None:
    model = CompiledModel(arrays())
    shares = model.explain("buy now", ("__geo_ok",), label="BUY", top=10)
    assert shares[0][0] == "__geo_ok"
    assert sum(share for _, share in shares) + 0.1 == pytest.approx(model.margins("buy now", ("__geo_ok",))[0])


@given(st.text(max_size=200))
def test_any_text_has_probabilities_that_sum_to_one(text: str) -> None:
    assert sum(CompiledModel(arrays()).probs(text, ()).values()) == pytest.approx(1)


def test_extreme_margins_neither_overflow_nor_divide_by_zero() -> None:
    steep = Arrays(
        **{**{key: getattr(arrays(), key) for key in arrays().__struct_fields__}, "intercepts": np.full(3, -1e6)}
    )
    assert sum(CompiledModel(steep).probs("", ()).values()) == pytest.approx(1)


def test_equal_content_has_equal_bytes_and_comes_back_whole() -> None:
    assert digest(encode(arrays())) == digest(encode(arrays()))
    back = decode(encode(arrays()))
    assert (back.words, back.marks) == (arrays().words, arrays().marks)
    assert np.array_equal(back.weights, arrays().weights)
    assert encode(back) == encode(arrays())


@pytest.mark.parametrize("data", [b"", b"PK", b"junk" * 100, encode(arrays())[:-40], b"\x80\x04K\x01."])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="model:"):
        decode(data)


def test_every_flipped_byte_is_refused_or_harmless() -> None:
    data, whole = encode(arrays()), arrays()
    refused = 0
    for at in range(len(data)):
        try:
            back = decode(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        except ConfigError:
            refused += 1
            continue
        assert (back.words, back.marks) == (whole.words, whole.marks), at
        for name in ("weights", "idf", "intercepts", "sigmoids"):
            assert np.array_equal(getattr(back, name), getattr(whole, name)), (name, at)
            assert np.isfinite(getattr(back, name)).all(), (name, at)
    assert refused > len(data) // 2


def test_a_missing_or_foreign_member_is_refused() -> None:
    with pytest.raises(ConfigError, match="not one of ours"):
        decode(altered("idf.npy", None))


def test_an_array_of_objects_is_refused_unread() -> None:
    with pytest.raises(ConfigError, match="holds object"):
        decode(altered("idf.npy", npy(np.array([{"a": 1}], dtype=object), pickled=True)))


def test_wrong_kinds_and_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="holds float32"):
        decode(altered("idf.npy", npy(np.ones(4, np.float32))))
    with pytest.raises(ConfigError, match="has shape"):
        decode(altered("idf.npy", npy(np.ones(5))))
    with pytest.raises(ConfigError, match="no number"):
        decode(altered("idf.npy", npy(np.array([1.0, np.nan, 1.0, 1.0]))))


def test_a_header_that_promises_more_than_there_is_is_refused_before_allocating() -> None:
    body = npy(np.ones(4)).replace(b"(4,), }", b"(9999999999999,), }")
    with pytest.raises(ConfigError, match=r"cut short|no array"):
        decode(altered("idf.npy", body))


def test_a_zip_bomb_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        decode(altered("idf.npy", b"\0" * (MEMBER_BYTES_MAX + 1)))


def test_a_foreign_vocabulary_is_refused() -> None:
    for text in (b"[]", b"{}", b'{"format":2,"classes":["BUY","NO-TRADE","SELL"],"words":[],"marks":[]}', b"\xff"):
        with pytest.raises(ConfigError):
            decode(altered("vocabulary.npy", npy(np.frombuffer(text, np.uint8))))
