"""1:1 verification: the comparison score of two templates, the same that a search ends with."""

from __future__ import annotations

from edge.core.fingerprints.cylinders import Described, describe_many
from edge.core.fingerprints.model import Template, same_extractor
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.shard import shard_of


def compare(probe: Template, reference: Template) -> float:
    """The comparison score, 0 and more (``rigid``). Raises FingerError where two extractors made them."""
    same_extractor(probe.extractor_id, reference.extractor_id)
    first, second = describe_many([probe, reference])
    return compare_described(first, second)


def compare_described(probe: Described, reference: Described) -> float:
    """The same of two described templates. Raises FingerError where two extractors made them."""
    return float(rigid(probe, shard_of(reference.extractor_id, [reference]))[0])
