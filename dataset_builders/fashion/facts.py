"""The classes of labels.yaml that rules speak of; all others may be changed there freely."""

from mmdata.schemas import Outfit

CATEGORIES = tuple(Outfit.model_fields)
"""An answer has a list for each."""
_TOP, OUTER, _BOTTOM, SHOES = CATEGORIES
SUMMER = "여름"
"""In which no outerwear is recommended."""
