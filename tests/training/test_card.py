"""The model card says what the figures say."""

from levibotd.training.card import card

METRICS = {
    "held_out": {
        "method": "folds",
        "channels": 8,
        "all": {
            "posts": 160,
            "base_rate": 0.1,
            "accuracy": 0.91,
            "acts": 7,
            "risk_coverage": [{"coverage": 0.5, "p_min": 0.97, "risk": 0.003}],
        },
        "certain": {"accuracy": 0.97},
        "doubted": {"accuracy": 0.8},
        "languages": {"en": {"posts": 160, "accuracy": 0.91, "calls": 3, "calls_found": 0.5}},
    },
    "own_labels": {"all": {"accuracy": 0.99}},
    "vocabulary": {"words": 12, "chars": 30, "marks": 5},
    "channels_min": 3,
    "calibration": "sigmoid",
}


def test_the_card_shows_the_figures_and_who_they_are_for() -> None:
    text = card(METRICS, sha256="ab" * 32, trained_until=1_640_000_000.0)
    assert "ab" * 32 in text
    assert "2021-12-20" in text
    assert "| accuracy | 0.910 | 0.970 | 0.800 | 0.990 |" in text
    assert "| 0.500 | 0.970 | 0.003 |" in text
    assert "| en | 160 | 0.910 | 3 | 0.500 |" in text


def test_a_model_without_times_says_so() -> None:
    assert "an unknown day" in card(METRICS, sha256="ab", trained_until=None)
