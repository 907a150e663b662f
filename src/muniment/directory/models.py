"""What a search for somebody to share with finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Found:
    """A user or a group of the tenant, by the name that grants and access rules take."""

    principal: str
    kind: Literal["user", "group"]
    label: str
    is_word_start: bool
    """Whether a word of the name begins with what was looked for: those are shown first."""

    @property
    def place(self) -> tuple[bool, str, str]:
        """Give where it stands among others: the likelier first, then by name."""
        return not self.is_word_start, self.label.casefold(), self.principal
