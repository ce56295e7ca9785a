"""How the solver says no."""


class Unsolved(Exception):
    """This text gives no leg; the message names the check that refused. Never leaves `grammar`."""
