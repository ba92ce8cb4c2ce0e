"""Names that a person can read: categories and titles."""

import numpy as np

CATEGORIES = (
    "Action", "Adventure", "Animation", "Astronomy", "Biography", "Comedy", "Cooking", "Crime", "Cycling", "Dance",
    "Documentary", "Drama", "Family", "Fantasy", "Football", "Gardening", "History", "Horror", "Jazz", "Mountains",
    "Musical", "Mystery", "Nature", "Opera", "Politics", "Romance", "Sailing", "Science", "Space", "Thriller",
    "Travel", "Western",
)  # fmt: skip

_FIRST = (
    "Silent", "Golden", "Broken", "Hidden", "Last", "Crimson", "Paper", "Winter", "Burning", "Distant", "Hollow",
    "Northern", "Electric", "Forgotten", "Gentle", "Iron", "Midnight", "Restless", "Second", "Velvet", "Wandering",
    "Bright", "Secret", "Stolen", "Salt", "Glass", "Summer", "Quiet", "Long", "Seventh",
)  # fmt: skip
_SECOND = (
    "Harbour", "Garden", "River", "Letters", "Mountain", "Orchard", "Kingdom", "Station", "Mirror", "Voyage", "Bridge",
    "Lantern", "Summer", "Machine", "Island", "Storm", "Promise", "Shadow", "Window", "Horizon", "Daughter", "Stranger",
    "Road", "Valley", "Clock", "Theatre", "Detective", "Compass", "Sparrow", "Railway",
)  # fmt: skip
_FORMS = ("The {0} {1}", "{0} {1}", "A {0} {1}", "{0} {1} of {2}", "The {1} of {2}", "{0} {1}: A {2} Tale")


def titles(categories: np.ndarray, rng: np.random.Generator) -> list[str]:
    """One title an item, whose category index is in ``categories`` int [n]; a repeated one gets a numeral."""
    count = len(categories)
    forms, firsts, seconds = (rng.integers(0, len(words), count) for words in (_FORMS, _FIRST, _SECOND))
    seen: dict[str, int] = {}
    named = []
    for form, first, second, category in zip(forms, firsts, seconds, categories, strict=True):
        title = _FORMS[form].format(_FIRST[first], _SECOND[second], CATEGORIES[category])
        seen[title] = seen.get(title, 0) + 1
        named.append(title if seen[title] == 1 else f"{title} {seen[title]}")
    return named
