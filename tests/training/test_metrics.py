"""The figures, by hand."""

import pytest

from levibotd.training.metrics import (
    Judged,
    area,
    by_language,
    calibration_error,
    chances,
    confusion,
    figures,
    macro_f1,
    reliability,
    risk_coverage,
)


def row(expected: str, label: str, p: float, *, weight: float = 1.0, language: str = "en") -> Judged:
    side = "SELL" if label == "SELL" else "BUY"
    other = "BUY" if side == "SELL" else "SELL"
    return Judged(
        expected=expected, label=label, probs={side: p, other: 0.0, "NO-TRADE": 1 - p}, weight=weight, language=language
    )


ROWS = [row("BUY", "BUY", 0.9), row("BUY", "NO-TRADE", 0.4), row("NO-TRADE", "NO-TRADE", 0.1), row("SELL", "SELL", 0.8)]


def test_accuracy_and_confusion_count_labels() -> None:
    assert figures(ROWS)["accuracy"] == 0.75
    assert confusion(ROWS)["BUY"] == {"BUY": 1, "NO-TRADE": 1, "SELL": 0}


def test_macro_f1_is_the_mean_over_classes() -> None:
    assert macro_f1(ROWS) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_brier_score_and_its_skill_are_weighted() -> None:
    found = chances([row("BUY", "BUY", 0.8, weight=3.0), row("NO-TRADE", "NO-TRADE", 0.4)])
    brier = (3 * 0.04 + 0.16) / 4
    assert found["base_rate"] == 0.75
    assert found["brier"] == pytest.approx(brier)
    assert found["brier_skill"] == pytest.approx(1 - brier / (0.75 * 0.25))


def test_a_constant_passes_the_calibration_error_but_has_no_skill() -> None:
    rows = [row("BUY", "BUY", 0.25)] + [row("NO-TRADE", "NO-TRADE", 0.25)] * 3
    found = chances(rows * 10)
    assert found["brier_skill"] == pytest.approx(0, abs=1e-12)
    assert found["auroc"] == 0.5


def test_the_calibration_error_is_the_distance_in_bins() -> None:
    assert calibration_error([(0.0, False, 1.0), (1.0, True, 1.0)]) == 0
    assert calibration_error([(0.5, True, 1.0)] * 10) == pytest.approx(0.5)


def test_the_area_counts_ties_half() -> None:
    assert area([(0.9, True, 1.0), (0.1, False, 1.0)]) == 1
    assert area([(0.5, True, 1.0), (0.5, False, 1.0)]) == 0.5
    assert area([(0.5, True, 1.0)]) == 0.5


def test_each_language_has_its_line() -> None:
    found = by_language([*ROWS, row("BUY", "NO-TRADE", 0.2, language="tr")])
    assert list(found) == ["en", "tr"]
    assert found["tr"] == {"posts": 1, "accuracy": 0.0, "calls": 1, "calls_found": 0.0}


def test_weighted_macro_f1_counts_real_posts() -> None:
    rows = [row("BUY", "BUY", 0.9, weight=3.0), row("BUY", "NO-TRADE", 0.4), row("NO-TRADE", "NO-TRADE", 0.1)]
    assert macro_f1(rows, weighted=True) == pytest.approx((2 * 3 / 7 + 2 / 3) / 2)


def test_the_surest_posts_come_first_and_ties_stand_together() -> None:
    rows = [row("BUY", "BUY", 0.9, weight=5.0), row("BUY", "BUY", 0.8, weight=2.0), row("SELL", "BUY", 0.8, weight=3.0)]
    found = risk_coverage(rows)
    assert found[0] == {"coverage": 0.5, "p_min": 0.9, "risk": 0.0}
    assert all(one == {"coverage": 1.0, "p_min": 0.8, "risk": 0.3} for one in found[1:])
    assert risk_coverage([]) == []


def test_reliability_is_said_against_seen_by_tenths() -> None:
    rows = [
        row("BUY", "BUY", 0.92, weight=3.0),
        row("NO-TRADE", "BUY", 0.98),
        row("NO-TRADE", "NO-TRADE", 0.05, weight=4.0),
        row("BUY", "BUY", 1.0, weight=0.0),
    ]

    low, high = reliability(rows)
    assert low == pytest.approx({"said": 0.05, "seen": 0.0, "posts": 1, "share": 0.5})
    assert high == pytest.approx({"said": (3 * 0.92 + 0.98) / 4, "seen": 0.75, "posts": 2, "share": 0.5})
    assert reliability([]) == []
