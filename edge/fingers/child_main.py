"""The search child (``python -m edge.fingers.child_main``): that of ``common.fingers.child`` with one service more.

It holds galleries in clear; so nothing but ``edge.fingers.searcher`` starts it, and it ends with it.
"""

from __future__ import annotations

import sys

from common.fingers.child_main import SERVICES, main
from edge.fingers.search_talk import SERVICE

if __name__ == "__main__":
    sys.exit(main({**SERVICES, SERVICE: "edge.fingers.search_service"}))
