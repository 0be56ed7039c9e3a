"""Scores of nomenklatura's logic-v2 for pairs of names: run by ``name_quality.py`` in an environment of its own.

    python -m venv oracle && oracle/bin/pip install nomenklatura
    python benchmarks/name_quality.py --oracle oracle/bin/python

Reads JSON lines {"a", "b"} and prints a score a line. It is a test oracle: never a dependency of the project.
"""

from __future__ import annotations

import json
import sys

from followthemoney import EntityProxy
from nomenklatura.matching import get_algorithm


def person(at: int, side: str, name: str) -> EntityProxy:
    """An entity with an id of its own: the algorithm keeps what it has seen by id."""
    entity = EntityProxy.from_dict({"id": f"{side}{at}", "schema": "Person", "properties": {}})
    entity.add("name", name.replace("<<", " ").replace("<", " "))
    return entity


def main() -> None:
    algorithm = get_algorithm("logic-v2")
    if algorithm is None:
        sys.exit("this nomenklatura has no logic-v2")
    config = algorithm.default_config()
    for at, line in enumerate(sys.stdin):
        pair = json.loads(line)
        found = algorithm.compare(person(at, "a", pair["a"]), person(at, "b", pair["b"]), config)
        print(round(found.score, 4), flush=False)


if __name__ == "__main__":
    main()
