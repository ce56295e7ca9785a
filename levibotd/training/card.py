"""The model card: what a model was made from, how good it is on channels it has not seen, and where it fails."""

from datetime import UTC, datetime
from typing import Any

_TEXT = """# Model card

SHA-256 `{sha}`. Trained on posts up to {until}; decisions on older posts are contaminated by it.

## What it is

A linear model over words, word pairs, runs of two to four characters inside words, and the structure that the parser
found (kind, coin, number of targets, stop, geometry), each block weighted by TF-IDF.
Its margins are calibrated ({calibration}) on out-of-fold margins, folds grouped by channel, weighted to the natural mix
of posts. Where it cannot rule out that a post is no call, it abstains: the post is ambiguous, and nothing is sent.
Each post was learned from a second time by its words alone, and a third by what the parser found alone: the parser
knows these channels better than it will know others, and neither should have to carry all of a judgement.
Only n-grams seen in at least {channels_min} channels are kept, so no channel's name or handle can decide.
{words} words and pairs, {chars} runs of characters, {marks} structure tokens. Numbers are folded to one sign.

## What it was trained on

{posts} hand-labelled public posts of {channels} channels, most of them English, in a stratified sample whose weights
restore the natural mix: about {rate} of real posts are calls. No text is part of the model beyond its n-grams.

## Figures on held-out channels

{method}. The parser's rules were written with these channels in sight, so unseen channels will be worse. "certain"
leaves out posts on which a careful second reader might differ, "doubted" are those: there abstaining is right.
The last column is the fit to its own labels: it says little, and nothing about other channels.

| | all | certain | doubted | its own labels |
|---|---|---|---|---|
{rows}

| language | posts | accuracy | calls | calls found |
|---|---|---|---|---|
{languages}

How wrong the surest posts are (of all real posts, as the weights restore them):

| share of posts | least probability of the label | wrong |
|---|---|---|
{risks}

## Limits

- Languages with few posts above are hardly measured.
- Posts from before 2018 or after {year}, and new templates, are out of its sample.
- Probabilities say whether the label is right, not whether following the call pays.
- Texts are read up to {used} characters; pictures are not read.
"""

_ROWS = (
    ("accuracy", "accuracy"),
    ("posts", "posts"),
    ("macro_f1", "macro-F1"),
    ("brier", "Brier score"),
    ("brier_skill", "Brier skill against the base rate"),
    ("ece", "calibration error"),
    ("auroc", "area under the curve"),
    ("acts", "acts"),
    ("wrong_act", "wrong acts"),
    ("wrong_act_bound", "wrong acts, 95 % bound"),
    ("harmful", "harmful acts"),
    ("harmful_bound", "harmful acts, 95 % bound"),
    ("act_recall", "gold legs sent exactly"),
)


def card(metrics: dict[str, Any], *, sha256: str, trained_until: float | None) -> str:
    """Return the card as Markdown. Everything in it follows from the figures: same model, same card."""
    held_out = metrics["held_out"]
    everything = held_out["all"]
    columns = (everything, held_out["certain"], held_out["doubted"], metrics["own_labels"]["all"])
    until = datetime.fromtimestamp(trained_until, UTC) if trained_until is not None else None
    return _TEXT.format(
        sha=sha256,
        until=until.date().isoformat() if until else "an unknown day",
        year=until.year if until else "its last post",
        channels_min=metrics["channels_min"],
        **metrics["vocabulary"],
        posts=everything["posts"],
        channels=held_out["channels"],
        rate=_figure(everything.get("base_rate", 0.0)),
        method=held_out["method"][:1].upper() + held_out["method"][1:],
        calibration="one temperature" if metrics["calibration"] == "temperature" else "one sigmoid a class",
        rows="\n".join(
            f"| {name} | " + " | ".join(_figure(column.get(key)) for column in columns) + " |" for key, name in _ROWS
        ),
        risks="\n".join(
            f"| {_figure(row['coverage'])} | {_figure(row['p_min'])} | {_figure(row['risk'])} |"
            for row in everything["risk_coverage"]
        ),
        languages="\n".join(
            f"| {name} | {row['posts']} | {_figure(row['accuracy'])} | {row['calls']} | {_figure(row['calls_found'])} |"
            for name, row in held_out["languages"].items()
        ),
        used=2000,
    )


def _figure(value: float | int | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
