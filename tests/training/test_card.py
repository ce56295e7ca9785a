"""The model card says what the figures say."""

from levibotd.training.card import card

METRICS = {
    "held_out": {
        "channels": 8,
        "all": {"posts": 160, "base_rate": 0.1, "accuracy": 0.91, "acts": 7},
        "certain": {"accuracy": 0.97},
        "languages": {"en": {"posts": 160, "accuracy": 0.91, "calls": 3, "calls_found": 0.5}},
    },
    "own_labels": {"accuracy": 0.99},
    "vocabulary": {"words": 12, "marks": 5},
    "channels_min": 3,
}


def test_the_card_shows_the_figures_and_who_they_are_for() -> None:
    text = card(METRICS, sha256="ab" * 32, trained_until=1_640_000_000.0)
    assert "ab" * 32 in text
    assert "2021-12-20" in text
    assert "| accuracy | 0.910 | 0.970 |" in text
    assert "| en | 160 | 0.910 | 3 | 0.500 |" in text


def test_a_model_without_times_says_so() -> None:
    assert "an unknown day" in card(METRICS, sha256="ab", trained_until=None)
