"""The top-level `training_recipes/` folder under its public name. Checkout only: a wheel carries the folder itself."""

from pathlib import Path

__path__ = [str(Path(__file__).parent.parent / "training_recipes")]
