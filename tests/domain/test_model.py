"""The compiled model: arithmetic by hand, bytes that are equal for equal content, and junk refused."""

import io
import json
import math
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from levibotd.domain.model import (
    CLASSES,
    FEATURES_MAX,
    MEMBER_BYTES_MAX,
    REFERENCE_BINS,
    REFERENCE_EDGES,
    TEMPERATURE,
    Arrays,
    CompiledModel,
    decode,
    digest,
    encode,
    reference_bin,
)
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
    steep = replace(arrays(), intercepts=np.full(3, -1e6))
    assert sum(CompiledModel(steep).probs("", ()).values()) == pytest.approx(1)


def test_runs_of_characters_are_a_unit_block_of_their_own() -> None:
    chars = (" b", "bu", "now ")
    spelt = replace(
        arrays(),
        chars=chars,
        weights=np.vstack([arrays().weights[:3], [[1.0, 0, 0], [2.0, 0, 0], [4.0, 0, 0]], arrays().weights[3:]]),
        idf=np.array([1.0, 2.0, 1.0, 1.0, 1.0, 3.0, 1.5]),
    )
    model, plain = CompiledModel(spelt), CompiledModel(arrays())
    twice = 1 + math.log(2)
    # "buy" stands twice, "now" once: " b" and "bu" count by their logarithm.
    norm = math.sqrt(twice**2 + twice**2 + 9)
    share = (twice * 1 + twice * 2 + 3 * 4) / norm
    for _ in range(2):  # The second time from memory.
        found = model.margins("Buy buy now", ("__geo_ok",))[0] - plain.margins("Buy buy now", ("__geo_ok",))[0]
        assert found == pytest.approx(share, abs=1e-12)
    explained = dict(model.explain("Buy buy now", (), label="BUY", top=10))
    assert explained["now "] == pytest.approx(12 / norm)


def test_a_temperature_makes_one_softmax() -> None:
    warm = replace(arrays(), method=TEMPERATURE, sigmoids=np.array([[2.0, 0.0]] * 3))
    grown = [math.exp(2 * margin) for margin in (0.1, 0.2, -0.3)]
    assert list(CompiledModel(warm).probs("xyz", ()).values()) == pytest.approx([one / sum(grown) for one in grown])


def test_a_label_is_plausible_from_its_floor_on_and_without_floors_nothing_is_asked() -> None:
    sure = CompiledModel(replace(arrays(), floors=np.array([0.4, 0.2, 0.5])))
    assert sure.plausible({"BUY": 0.4, "SELL": 0.4, "NO-TRADE": 0.2}) == ("BUY", "NO-TRADE")
    assert sure.plausible({"BUY": 0.9, "SELL": 0.0, "NO-TRADE": 0.1}) == ("BUY",)
    assert CompiledModel(arrays()).plausible({"BUY": 0.4, "SELL": 0.3, "NO-TRADE": 0.3}) == ()


def test_a_post_is_counted_between_the_edges() -> None:
    assert reference_bin({"NO-TRADE": 1.0}) == 0
    assert reference_bin({"NO-TRADE": 0.0}) == REFERENCE_BINS - 1
    assert reference_bin({"NO-TRADE": 0.5}) == REFERENCE_EDGES.index(0.7)


def test_equal_content_has_equal_bytes_and_comes_back_whole() -> None:
    assert digest(encode(arrays())) == digest(encode(arrays()))
    back = decode(encode(arrays()))
    assert (back.words, back.chars, back.marks, back.method) == (
        ("buy", "buy now", "now"),
        (),
        ("__geo_ok",),
        "sigmoid",
    )
    assert np.array_equal(back.weights, arrays().weights)
    assert encode(back) == encode(arrays())


@pytest.mark.parametrize("data", [b"", b"PK", b"junk" * 100, encode(arrays())[:-40], b"\x80\x04K\x01."])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="model:"):
        decode(data)


@pytest.mark.fault("G9")
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


@pytest.mark.fault("G9")
def test_a_missing_or_foreign_member_is_refused() -> None:
    with pytest.raises(ConfigError, match="not one of ours"):
        decode(altered("idf.npy", None))


@pytest.mark.fault("G9")
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


@pytest.mark.fault("G9")
def test_a_header_that_promises_more_than_there_is_is_refused_before_allocating() -> None:
    body = npy(np.ones(4)).replace(b"(4,), }", b"(9999999999999,), }")
    with pytest.raises(ConfigError, match=r"cut short|no array"):
        decode(altered("idf.npy", body))


@pytest.mark.fault("G9")
def test_a_zip_bomb_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        decode(altered("idf.npy", b"\0" * (MEMBER_BYTES_MAX + 1)))


def vocabulary(**changed: object) -> bytes:
    """A model whose vocabulary says something else."""
    said = {
        "format": 2, "classes": CLASSES, "method": "sigmoid",
        "words": ["buy", "buy now", "now"], "chars": [], "marks": ["__geo_ok"], **changed,
    }  # fmt: skip
    return altered("vocabulary.npy", npy(np.frombuffer(json.dumps(said).encode(), np.uint8)))


def test_the_vocabulary_as_it_is_would_be_taken() -> None:
    assert decode(vocabulary()).words == arrays().words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"format": 1}, "train it again"),
        ({"classes": ["BUY", "SELL"]}, "classes"),
        ({"method": "isotonic"}, "calibration"),
        ({"words": ["buy", "buy", "now"]}, "twice"),
        ({"words": ["buy", "b" * 300, "now"]}, "longer"),
        ({"words": ["buy"]}, "shape"),
        ({"words": [1, 2, 3]}, "unreadable"),
        ({"extra": 1}, "unreadable"),
    ],
)
def test_a_foreign_vocabulary_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        decode(vocabulary(**changed))


def test_what_is_no_vocabulary_at_all_is_refused() -> None:
    for text in (b"[]", b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(ConfigError):
            decode(altered("vocabulary.npy", npy(np.frombuffer(text, np.uint8))))


@pytest.mark.fault("G9")
def test_a_huge_vocabulary_is_refused_before_it_is_taken_apart() -> None:
    body = b'{"words":[' + b'"",' * (FEATURES_MAX + 2) + b'""]}'
    with pytest.raises(ConfigError, match=f"more than {FEATURES_MAX} features"):
        decode(altered("vocabulary.npy", npy(np.frombuffer(body, np.uint8))))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e7, -1e300])
def test_numbers_that_would_make_no_probability_are_refused(value: float) -> None:
    for name in ("weights", "intercepts", "sigmoids"):
        bent = getattr(arrays(), name).copy()
        bent.flat[0] = value
        with pytest.raises(ConfigError, match=name):
            decode(altered(f"{name}.npy", npy(bent)))


def test_rarities_below_zero_are_refused() -> None:
    with pytest.raises(ConfigError, match="below zero"):
        decode(altered("idf.npy", npy(np.array([1.0, -1.0, 1.0, 1.0]))))


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_what_was_packed_by_others_is_not_unpacked(compression: int) -> None:
    with pytest.raises(ConfigError, match="packed"):
        decode(altered("none", None, compression=compression))


def test_a_member_that_stands_twice_is_refused() -> None:
    out = io.BytesIO(encode(arrays()))
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("idf.npy", npy(np.ones(4)))
    with pytest.raises(ConfigError, match="not one of ours"):
        decode(out.getvalue())


@pytest.mark.fault("G9")
def test_a_directory_that_lies_about_a_size_does_not_make_it_read_on() -> None:
    data = altered("idf.npy", b"\0" * (MEMBER_BYTES_MAX + 1))
    told, lies = struct.pack("<I", MEMBER_BYTES_MAX + 1), struct.pack("<I", 160)
    with pytest.raises(ConfigError):
        decode(data.replace(told, lies))
