"""Actor libraries that one would take instead: pykka (threads) and xoscar (one pool, in this process)."""

from collections.abc import Mapping
from importlib.util import find_spec

from bench.contenders import Contender


def peers() -> tuple[Mapping[str, Contender], Mapping[str, str]]:
    """Those that are installed, and why others are not here."""
    here: dict[str, Contender] = {}
    absent: dict[str, str] = {}
    if find_spec("pykka") is not None:
        from bench.pykka_actors import Pykka

        here["pykka"] = Pykka()
    else:
        absent["pykka"] = "not installed (pip install pykka)"
    if find_spec("xoscar") is not None:
        from bench.xoscar_actors import Xoscar

        here["xoscar"] = Xoscar()
    else:
        absent["xoscar"] = "not installed (pip install xoscar)"
    return here, absent
