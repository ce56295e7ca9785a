"""
Classify one post: the compiled form against the scikit-learn pipeline that it was folded from; load a model, make one.
"""

import resource
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.made_up import labelled
from bench.measure import Effort, Figure, NotHere, Row, at_most, cpu, in_turns, one, ratio, spread
from levibotd.adapters.compiled_classifier import load_classifier
from levibotd.app.children import TRAIN, run_child
from levibotd.domain.model import CompiledModel

EXAMPLES = 600
SHARE_MAX = 1 / 20
SHARE_AIM = 1 / 40
LOAD_MS = 50.0
TRAINED = 10_000
TRAIN_S = 20.0


def measure(effort: Effort) -> Sequence[Figure]:
    """Both are fitted here, on posts that are made up; both read the same posts, one by one."""
    if find_spec("sklearn") is None:
        raise NotHere("scikit-learn is not installed (pip install 'levibotd[ml]')")
    from levibotd.training.corpus import Sample
    from levibotd.training.dataset import Example
    from levibotd.training.evaluate import read_all, samples_of
    from levibotd.training.pipeline import Pipeline, fit

    examples = [
        Example(id=str(post.message_id), group=post.channel, post=post, label=label, expected=label)
        for post, label in labelled(EXAMPLES)
    ]
    samples = samples_of(examples, read_all(examples))
    fitted = fit(samples)
    model, slow = CompiledModel(fitted.arrays), Pipeline(fitted)

    def timed(work: Callable[[Sample], object], count: int) -> float:
        some = [samples[place % len(samples)] for place in range(count)]
        begun = cpu()
        for sample in some:
            work(sample)
        return (cpu() - begun) / count

    costs = in_turns(
        effort,
        {
            "compiled": lambda: timed(lambda sample: model.probs(sample.text, sample.structure), effort.of(4_000)),
            "scikit-learn": lambda: timed(lambda sample: slow.probs([sample]), effort.of(200)),
        },
    )
    off = max(
        abs(ours - theirs)
        for sample, row in zip(samples, slow.probs(samples).tolist(), strict=True)
        for ours, theirs in zip(model.probs(sample.text, sample.structure).values(), row, strict=True)
    )
    return [
        Figure(
            what="compiled / scikit-learn",
            spread=ratio(costs, "compiled", "scikit-learn"),
            gate=at_most(SHARE_MAX),
            aim=at_most(SHARE_AIM),
        ),
        Figure(what="largest difference of a probability", spread=one(off), unit="", gate=at_most(1e-9)),
        Figure(what="compiled, a post", spread=spread([cost * 1e6 for cost in costs["compiled"]]), unit="µs"),
    ]


def loading(effort: Effort) -> Sequence[Figure]:
    """The shipped model from disk: read, held against its SHA-256, checked value by value, made ready."""
    load_classifier()

    def once() -> float:
        begun = cpu()
        load_classifier()
        return (cpu() - begun) * 1e3

    costs = in_turns(effort, {"load": once})
    return [Figure(what="load the shipped model, CPU", spread=spread(costs["load"]), unit="ms", gate=at_most(LOAD_MS))]


def training(effort: Effort) -> Sequence[Figure]:
    """`levibotd train` as a child, start and imports included, on posts that are made up."""
    if find_spec("sklearn") is None:
        raise NotHere("scikit-learn is not installed (pip install 'levibotd[ml]')")
    count = max(effort.of(TRAINED), 400)
    with TemporaryDirectory() as folder:
        labels = Path(folder, "labels.jsonl")
        with labels.open("wb") as out:
            for post, label in labelled(count, channels=40):
                row = {"text": post.text, "label": label, "channel": post.channel, "ts": post.posted_at}
                out.write(msgspec.json.encode(row) + b"\n")
        before = _children_s()
        code, _ = run_child(TRAIN, ["--labels", str(labels), "--out", folder])
        if code:
            raise NotHere(f"training ended with {code}")
        spent = _children_s() - before
    gate = at_most(TRAIN_S) if count == TRAINED else at_most(TRAIN_S * max(count / TRAINED, 0.5))
    return [Figure(what=f"train on {count} posts, CPU", spread=one(spent), unit="s", gate=gate)]


def _children_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


ROWS = (
    Row(name="classify", floor="scikit-learn, the same pipeline", measure=measure),
    Row(name="classify.load", floor="a share of a start", measure=loading),
    Row(name="classify.train", floor="a child's own time", measure=training),
)
