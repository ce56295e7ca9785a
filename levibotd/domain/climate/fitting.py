"""
A logistic regression that leans on what was believed before: numpy alone, the same bytes from the same rows.
"""

from collections.abc import Sequence

import numpy as np

RIDGE = 4.0  # How many calls' worth the belief before weighs.
STEPS_MAX = 50

_FLAT = 1e-10


def fit(rows: Sequence[Sequence[float]], outcomes: Sequence[bool], *, prior: Sequence[float]) -> tuple[float, ...]:
    """
    Weights that say best how likely an outcome is; the first belongs to a constant that `rows` do not have.

    The farther from `prior`, the more it costs, so that few rows, or rows that are all alike, move little.
    """
    x = np.column_stack([np.ones(len(rows)), np.asarray(rows, dtype=np.float64)])
    y = np.asarray(outcomes, dtype=np.float64)
    believed = np.asarray(prior, dtype=np.float64)
    weights = believed.copy()
    cost = _cost(x, y, weights, believed)
    for _ in range(STEPS_MAX):
        p = 1.0 / (1.0 + np.exp(-(x @ weights)))
        slope = x.T @ (p - y) + RIDGE * (weights - believed)
        bend = (x * (p * (1.0 - p))[:, None]).T @ x + RIDGE * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        # A full step may overshoot where p is near 0 or 1; half of it, or half of that, does not.
        while (after := _cost(x, y, weights - step, believed)) > cost and np.abs(step).max() > _FLAT:
            step = step / 2.0
        if after > cost or np.abs(step).max() <= _FLAT:
            break
        weights, cost = weights - step, after
    return tuple(float(weight) for weight in weights)


def _cost(x: "np.ndarray", y: "np.ndarray", weights: "np.ndarray", believed: "np.ndarray") -> float:
    z = x @ weights
    away = weights - believed
    return float(np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * RIDGE * (away @ away))
