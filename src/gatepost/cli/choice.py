"""One of several words: a wrong one is refused with the nearest right one, as everywhere."""

from __future__ import annotations

import click


class Choice(click.Choice[str]):
    """Click's own, with that name added to what it says."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Say what is allowed, and which of it was probably meant."""
        import difflib

        message = super().get_invalid_choice_message(value, ctx)
        near = difflib.get_close_matches(str(value), self.choices, n=1)
        return f"{message} Did you mean {near[0]!r}?" if near else message
