"""``bench table``, ``export``, ``plot``, ``sync``, ``ui``: what came of it."""
