"""Invented names: titles, people of the screen, and subjects. Any likeness to a real one is chance."""

import numpy as np

ADJECTIVES = (
    "Amber", "Ashen", "Backward", "Borrowed", "Bright", "Broken", "Careful", "Cold", "Copper", "Crooked",
    "Distant", "Drowned", "Early", "Eleventh", "Empty", "Faithful", "Feral", "Fifth", "Forgotten", "Gentle",
    "Gilded", "Hidden", "Hollow", "Honest", "Idle", "Inland", "Iron", "Last", "Lesser", "Linen", "Long",
    "Lunar", "Mild", "Narrow", "Northern", "Ordinary", "Pale", "Paper", "Patient", "Quiet", "Restless", "Salt",
    "Second", "Silent", "Slow", "Small", "Southern", "Spare", "Stray", "Sunken", "Tidal", "Unsent", "Velvet",
    "Wandering", "Warm", "Wild", "Winter", "Young",
)  # fmt: skip
NOUNS = (
    "Accord", "Archive", "Atlas", "Bakery", "Balcony", "Beekeeper", "Bridge", "Canal", "Caravan", "Carousel",
    "Cartographer", "Chorus", "Clockmaker", "Comet", "Compass", "Country", "Courtyard", "Crossing", "Custodian",
    "Daughter", "Departure", "Embassy", "Evidence", "Ferry", "Forecast", "Garden", "Glacier", "Harbour",
    "Harvest", "Horizon", "Hotel", "Inheritance", "Island", "Kitchen", "Lantern", "Letter", "Lighthouse",
    "Locksmith", "Marsh", "Meadow", "Museum", "Neighbour", "Observatory", "Orchard", "Orchestra", "Passenger",
    "Pier", "Promise", "Quarry", "Railway", "Republic", "River", "Season", "Sisters", "Station", "Tenant",
    "Translator", "Valley", "Violin", "Voyage", "Witness", "Workshop",
)  # fmt: skip
PLACES = (
    "Almere Bay", "Brackwater", "Castel Verro", "Dunmorrow", "Eldavik", "Fennholt", "Garrow Sound", "Hallin",
    "Isola Brea", "Jarrowby", "Kestrel Row", "Lunde", "Marrowgate", "Nettlecombe", "Orrin", "Port Sable",
    "Quillan", "Rosmere", "Saltoun", "Tarn Hollow", "Ulvsund", "Vellamo", "Westerly", "Yarrow",
)  # fmt: skip
_STARTS = (
    "Ad", "Al", "Bel", "Bra", "Cal", "Da", "El", "Fa", "Ga", "Ha", "Il", "Jo", "Ka", "Le", "Ma", "Ni", "Or",
    "Pe", "Ro", "Sa", "Ta", "Ul", "Vi", "Wen", "Ya", "Zo",
)  # fmt: skip
_ENDS = (
    "bria", "dan", "dek", "den", "fina", "lan", "lea", "lin", "lou", "mira", "na", "nel", "ra", "rik", "rim",
    "ro", "sha", "son", "tan", "tor", "vië", "wyn",
)  # fmt: skip
_FAMILY_STARTS = (
    "Ander", "Bel", "Bor", "Cas", "Dor", "Eng", "Fal", "Gren", "Hol", "Iver", "Kal", "Lind", "Mar", "Nor",
    "Okon", "Pell", "Quar", "Ros", "Sand", "Tal", "Umber", "Vas", "Wester", "Yama", "Zell",
)  # fmt: skip
_FAMILY_ENDS = (
    "a", "berg", "by", "dottir", "ez", "feld", "gård", "holm", "ic", "kov", "land", "man", "mori", "mark", "ni",
    "quist", "ra", "son", "strand", "tini", "vale", "wick", "wood",
)  # fmt: skip


def invented_titles(rng: np.random.Generator, count: int) -> list[str]:
    """``count`` different titles, each from one of a few patterns."""
    seen: dict[str, None] = {}
    while len(seen) < count:
        adjective, noun, place = (str(rng.choice(words)) for words in (ADJECTIVES, NOUNS, PLACES))
        pattern = int(rng.integers(6))
        title = (
            f"The {adjective} {noun}",
            f"{adjective} {noun}",
            f"{noun} of {place}",
            f"A {noun} in {place}",
            f"{place}",
            f"The {noun}'s {rng.choice(NOUNS)}",
        )[pattern]
        seen.setdefault(title)
    return list(seen)


def invented_people(rng: np.random.Generator, count: int) -> list[str]:
    """``count`` full names, all different (at most about 300,000)."""
    parts = (_STARTS, _ENDS, _FAMILY_STARTS, _FAMILY_ENDS)
    space = int(np.prod([len(part) for part in parts]))
    names = []
    for number in rng.choice(space, size=count, replace=False).tolist():
        given, family = divmod(number, len(_FAMILY_STARTS) * len(_FAMILY_ENDS))
        a, b = divmod(given, len(_ENDS))
        c, d = divmod(family, len(_FAMILY_ENDS))
        names.append(f"{_STARTS[a]}{_ENDS[b]} {_FAMILY_STARTS[c]}{_FAMILY_ENDS[d]}")
    return names
