"""The top-level `schemas/` folder under its public name. Checkout only: a wheel carries the folder itself."""

from schemas import *  # noqa: F403
from schemas import __all__ as __all__
