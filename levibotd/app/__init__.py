"""The composition root: the only place that names actors, adapters and simulations."""
