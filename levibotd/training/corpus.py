"""
Samples counted once, for as many fits as there are folds.

Which n-grams a fit knows, and how rare they are, depends on its training rows alone; how often
each stands in a post does not.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from levibotd.domain.features import character_grams, folded, tokens, word_grams

Rows = NDArray[np.intp]


class Sample(Struct, frozen=True, kw_only=True):
    """One example as the model sees it."""

    text: str
    structure: tuple[str, ...]
    label: str
    group: str
    weight: float


def word_features(sample: Sample) -> list[str]:
    """Words, and pairs of neighbouring words."""
    return word_grams(tokens(folded(sample.text)))


def char_features(sample: Sample) -> list[str]:
    """Runs of characters inside words."""
    return [gram for chunk in folded(sample.text).split() for gram in character_grams(chunk)]


def mark_features(sample: Sample) -> list[str]:
    """What the reading found."""
    return list(sample.structure)


ANALYSERS = (word_features, char_features, mark_features)  # The blocks, in the order of the compiled rows.


class Block(Struct, frozen=True):
    """Every n-gram of one kind, in alphabetical order, and how often it stands in each sample."""

    grams: NDArray[np.object_]
    counts: csr_matrix

    def known(self, rows: Rows, groups: NDArray[np.intp], *, channels_min: int) -> Rows:
        """Return the columns of the n-grams that the channels of `rows` share, `channels_min` of them at least."""
        chosen = self.counts[rows]
        member = csr_matrix((np.ones(len(rows)), (groups[rows], np.arange(len(rows)))))
        seen = member @ (chosen > 0)
        channels = np.bincount(seen.tocoo().col, minlength=self.counts.shape[1])
        return np.flatnonzero(channels >= channels_min)

    def tfidf(self, columns: Rows, idf: NDArray[np.float64]) -> csr_matrix:
        """Return what a TfidfVectorizer with sublinear counts and unit length makes of every sample."""
        chosen = self.counts[:, columns].tocsr()
        chosen.sort_indices()
        data = (1.0 + np.log(chosen.data)) * idf[chosen.indices]
        starts = chosen.indptr
        squares = np.add.reduceat(np.append(data**2, 0.0), starts[:-1]) if len(data) else np.zeros(len(starts) - 1)
        squares[starts[1:] == starts[:-1]] = 1.0
        data = data / np.repeat(np.sqrt(squares), np.diff(starts))
        return csr_matrix((data, chosen.indices, starts), shape=chosen.shape)


class Corpus:
    """The samples of one training, counted."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples
        self.labels = np.array([sample.label for sample in samples])
        self.weights = np.array([sample.weight for sample in samples])
        names = sorted({sample.group for sample in samples})
        at = {name: number for number, name in enumerate(names)}
        self.groups: Rows = np.array([at[sample.group] for sample in samples], np.intp)
        self.blocks = (
            _counted(map(word_features, samples), grams_of=_itself),
            _counted((folded(sample.text).split() for sample in samples), grams_of=character_grams),
            _counted(map(mark_features, samples), grams_of=_itself),
        )

    def known(self, rows: Rows, *, channels_min: int) -> "Known":
        """Return what a fit on `rows` alone knows of every sample."""
        columns = [block.known(rows, self.groups, channels_min=channels_min) for block in self.blocks]
        idf = [_idf(block.counts[rows], known) for block, known in zip(self.blocks, columns, strict=True)]
        parts = [block.tfidf(known, own) for block, known, own in zip(self.blocks, columns, idf, strict=True)]
        grams = [tuple(block.grams[known].tolist()) for block, known in zip(self.blocks, columns, strict=True)]
        words, chars, marks = grams
        return Known(grams=(words, chars, marks), idf=np.concatenate(idf), matrix=hstack(parts, format="csr"))


class Known(Struct, frozen=True, kw_only=True):
    """The n-grams of each block that a fit knows, their idf, and all samples in them."""

    grams: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    idf: NDArray[np.float64]
    matrix: csr_matrix

    def apart(self, rows: Rows) -> tuple[csr_matrix, csr_matrix]:
        """Return these samples as their words alone, and as what the rules found alone."""
        chosen = self.matrix[rows].tocsr()
        is_mark = chosen.indices >= self.matrix.shape[1] - len(self.grams[2])
        return _only(chosen, ~is_mark), _only(chosen, is_mark)


def _only(matrix: csr_matrix, kept: NDArray[np.bool_]) -> csr_matrix:
    out = csr_matrix((matrix.data * kept, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)
    out.eliminate_zeros()
    return out


def _idf(counts: csr_matrix, columns: Rows) -> NDArray[np.float64]:
    among = np.bincount(counts.indices, minlength=counts.shape[1])[columns]
    return np.asarray(np.log((1.0 + counts.shape[0]) / (1.0 + among)) + 1.0, np.float64)


# Posts repeat their words: what a piece consists of is worked out once. A piece is an n-gram, or what several stand in.
def _counted(posts: Iterable[Sequence[str]], *, grams_of: Callable[[str], Sequence[str]]) -> Block:
    at: dict[str, int] = {}
    known: dict[str, list[int]] = {}
    indices: list[int] = []
    starts = [0]
    for pieces in posts:
        for piece in pieces:
            own = known.get(piece)
            if own is None:
                own = known[piece] = [at.setdefault(gram, len(at)) for gram in grams_of(piece)]
            indices += own
        starts.append(len(indices))
    grams = np.array(sorted(at), dtype=object)
    # By the alphabet, so that what is made of it does not depend on the order of the samples.
    place = np.empty(len(at), np.intp)
    place[[at[gram] for gram in grams]] = np.arange(len(at))
    columns = place[np.array(indices, np.intp)] if indices else np.zeros(0, np.intp)
    shape = (len(starts) - 1, len(at))
    counts = csr_matrix((np.ones(len(columns)), columns, np.array(starts)), shape=shape)
    counts.sum_duplicates()
    return Block(grams, counts)


def _itself(gram: str) -> Sequence[str]:
    return (gram,)
