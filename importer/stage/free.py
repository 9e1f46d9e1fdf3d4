"""Free names: a letter or more appended to a name that is taken, within the twelve letters of a name."""

from string import ascii_uppercase

from importer.model.contact import NAME_MAX, fold


def candidate(name: str, number: int) -> str:
    """Tom → TomA, TomB … TomZ, TomAA …, counted from 0; of a name with twelve letters the last ones give way."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = ascii_uppercase[rest] + letters
    return name[: NAME_MAX - len(letters)] + letters


def appended(name: str, to: str) -> int:
    """How many letters make ``name`` a `candidate` of the other, letter case of the stem aside; 0 when it is none."""
    for count in range(1, 4):
        stem = to[: NAME_MAX - count]
        letters = name[len(stem) :]
        fits = len(letters) == count and set(letters) <= set(ascii_uppercase)
        if fits and fold(name[: len(stem)]) == fold(stem):
            return count
    return 0


class Names:
    """Gives out names that nobody uses, each once; ``used`` are keys, and grow."""

    def __init__(self, used: set[str]) -> None:
        self._used = used
        self._next: dict[str, int] = {}

    def free(self, name: str) -> str:
        """The first candidate that nobody uses; from now on it is used."""
        stem = name[: NAME_MAX - 1]
        number = self._next.get(stem, 0)
        while (found := candidate(name, number)).lower() in self._used:
            number += 1
        self._next[stem] = number + 1
        self._used.add(found.lower())
        return found
