"""The work on images and templates, each kind in a child process of its own (``station.Hands``).

Laws:
1. Every call ends within ``work_s`` and the start of a child; what happens to a child is a FingerError.
2. Whoever starts a child must outlive it (``common.fingers.child``, law 4): ``run`` is a crew's thread, which starts
   the extracting child and a fresh one when it is gone, so that the next finger finds it loaded.
3. A stop waits for no child that loads: ``stop`` ends it. A crew's thread that died is started again, and finds the
   child as it left it, or begins another.
"""

from __future__ import annotations

from typing import Final

import structlog

from common.fingers import image_service
from common.fingers.child import Child
from common.fingers.extraction import NAME, ExtractOptions, extract_in
from edge.core.fingerprints.answers import SearchAnswer
from edge.core.fingerprints.model import FingerError, FingerImage, Position, Template
from edge.crew import Stopping
from edge.fingers.report_image import packed
from edge.fingers.searcher import Searcher

LOOK_S: Final = 1.0     # between two looks at the child
RETRY_S: Final = 30.0   # between two starts of a child that cannot begin: a missing package stays missing
THREADS: Final = 2      # of the extractor

log = structlog.get_logger("fingers")


def extracting_child(extractor: str, memory_mib: int) -> Child:
    """The process that extracts as the box runs it; not started."""
    services = {NAME: ExtractOptions(extractor, THREADS), image_service.NAME: {}}
    return Child(services, memory_mib=memory_mib, no_new_code=True)



class ChildHands:
    """Both child processes of a box; any thread may ask."""

    def __init__(self, extractor: str, searcher: Searcher, *, work_s: float, memory_mib: int) -> None:
        self._child = extracting_child(extractor, memory_mib)
        self._searcher, self._work_s = searcher, work_s
        self.problem = ""  # why nothing can be extracted

    def extract(self, image: FingerImage, position: Position) -> tuple[Template, int]:
        """See ``station.Hands``."""
        template = extract_in(self._child, image, position, quality=True, timeout_s=self._work_s)
        return template, template.image_quality

    def pack(self, image: FingerImage) -> bytes:
        """See ``station.Hands``."""
        return packed(self._child, image) if self._searcher.image_lists() else b""

    def search(self, template: Template, position: Position) -> SearchAnswer:
        """See ``station.Hands``."""
        return self._searcher.search(template, position)

    def second(self, template: Template, position: Position, answer: SearchAnswer) -> SearchAnswer:
        """See ``station.Hands``."""
        return self._searcher.second(template, position, answer)

    def verify(self, probe: Template, reference: Template) -> tuple[float, bool]:
        """See ``station.Hands``."""
        return self._searcher.verify(probe, reference)

    def run(self, stopping: Stopping) -> None:
        """Keep the extracting child loaded until told to stop."""
        while not stopping.wait(LOOK_S):
            try:
                self._child.start()
                self._child.ready()
            except FingerError as error:
                if stopping.is_set():
                    break
                if error.message != self.problem:
                    self.problem = error.message
                    log.error("extractor_away", reason=error.message, advice=error.advice)
                stopping.wait(RETRY_S)
            else:
                if self.problem:
                    self.problem = ""
                    log.info("extractor_ready")
        self._child.close()

    def stop(self) -> None:
        """The box stops (``run`` was told so before): end the child, also one that loads; takes two seconds at most."""
        self._child.close()

    def health(self) -> dict[str, str | int]:
        """For `status`: why nothing can be extracted (empty: it can), and how many processes were begun."""
        return {"problem": self.problem, "starts": self._child.starts}
