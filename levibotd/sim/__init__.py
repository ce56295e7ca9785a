"""One simulation per port; they ship in the wheel and are the test doubles."""
