"""An ELYCTIS codec joined with its virtual device."""

from __future__ import annotations

from codec_kit import Line

from drivers.elyctis import ElyctisCodec
from drivers.virtual.elyctis_device import ElyctisDevice


class IdBoxLine(Line):
    """With an ID BOX; time passes in one step."""

    def __init__(self) -> None:
        super().__init__(ElyctisCodec(), ElyctisDevice())

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.events += self.codec.tick(self.now)
        self.settle()
