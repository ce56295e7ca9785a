"""Classify one post: the compiled form against the scikit-learn pipeline that it was folded from."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from bench.made_up import labelled
from bench.measure import Effort, Figure, NotHere, Row, at_most, cpu, in_turns, one, ratio, spread
from levibotd.domain.model import CompiledModel

EXAMPLES = 600
SHARE_MAX = 1 / 20
SHARE_AIM = 1 / 40


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


ROWS = (Row(name="classify", floor="scikit-learn, the same pipeline", measure=measure),)
