"""One random case: a generator that also keeps what was drawn, for the line that reports a failure."""

import random
import tempfile


class HostileError(Exception):
    """What hostile objects raise; it may arrive at the caller."""


class Draw(random.Random):
    """Random choices of the case (seed, entry, index): the same ones in every process."""

    def __init__(self, seed, entry, index):
        super().__init__(f"{seed}/{entry}/{index}")
        self.notes = []
        self._folder = None

    def note(self, text):
        """Keeps a word about the case."""
        self.notes.append(str(text)[:120])

    def chance(self, p):
        """True with probability p."""
        return self.random() < p

    def folder(self):
        """A folder for this case, gone after it."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="nncore-fuzz-")
        return self._folder.name

    def close(self):
        """Removes the folder."""
        if self._folder is not None:
            self._folder.cleanup()
