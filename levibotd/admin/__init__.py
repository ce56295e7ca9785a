"""The HTTP edge: translate and forward."""
