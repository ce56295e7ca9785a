"""Pictures for where people would rather look: SVG, the same bytes for the same figures, on light and dark grounds."""
