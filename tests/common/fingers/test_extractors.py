"""mindtct and LEADER on prints of which the minutiae are known: place, direction, kind; and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from finger_kit import finger, one_minutia

from common.fingers.extractors import NAMES, Extractor, extractor_id_of, open_extractor
from common.fingers.leader import LEADER_ID, Leader
from common.fingers.mindtct import Mindtct
from edge.core.fingerprints.compare import compare
from edge.core.fingerprints.model import FingerError, FingerImage, Kind, Position, Template

for library in ("nbis", "onnxruntime", "PIL"):
    pytest.importorskip(library, reason=f"{library} comes with the extra fingers")


@pytest.fixture(scope="module", params=NAMES)
def extractor(request: pytest.FixtureRequest) -> Extractor:
    return open_extractor(request.param)


def middle(template: Template, side: int = 320) -> int:
    """The one minutia in the middle of a pattern."""
    away = np.hypot(template.x - side / 2, template.y - side / 2)
    place = int(np.argmin(away))
    assert away[place] < 5
    return place


@pytest.mark.parametrize("turn", [0, 45, 90, 135, 180, 270, 315])
@pytest.mark.parametrize("kind", [Kind.ENDING, Kind.BIFURCATION])
def test_a_minutia_points_into_its_ridge_or_valley_anticlockwise(extractor: Extractor, turn: int, kind: Kind) -> None:
    """ISO/IEC 19794-2:2005, 6.4.3 and 6.4.4 (figures 3 and 4); law 2 of the model."""
    found = extractor.extract(one_minutia(turn, ending=kind is Kind.ENDING))
    place = middle(found)
    off = (int(found.angle[place]) - round(turn * 256 / 360) + 128) % 256 - 128
    assert abs(off) <= 10  # 14 degrees: mindtct has steps of 11.25
    assert found.kind[place] == kind


def test_both_extractors_see_the_same_frame() -> None:
    image = finger(5)
    one, two = Mindtct().extract(image), Leader().extract(image)
    away = np.hypot(one.x[:, None].astype(float) - two.x, one.y[:, None].astype(float) - two.y)
    near = away.argmin(axis=0)
    both = away.min(axis=0) < 5
    assert both.sum() > 20
    off = (one.angle[near[both]].astype(int) - two.angle[both] + 128) % 256 - 128
    assert np.abs(np.median(off)) <= 4
    assert (np.abs(off) <= 24).mean() > 0.85


def test_templates_say_who_made_them_and_of_what(extractor: Extractor) -> None:
    found = extractor.extract(finger(1), Position.LEFT_LITTLE)
    assert found.extractor_id == extractor.extractor_id
    assert (found.position, found.width, found.height, found.image_quality) == (Position.LEFT_LITTLE, 384, 290, 255)
    assert 20 < len(found) < 120
    assert (np.diff(found.quality.astype(int)) <= 0).all()
    assert found.quality.min() >= 1


def test_the_same_image_gives_the_same_template(extractor: Extractor) -> None:
    one, two = extractor.extract(finger(2)), extractor.extract(finger(2))
    for name in ("x", "y", "angle", "kind", "quality"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_the_same_finger_scores_higher_than_another(extractor: Extractor) -> None:
    one, again, other = (extractor.extract(finger(*which)) for which in ((1, 1), (1, 2), (2, 1)))
    assert compare(one, again) > 3 * compare(one, other)


def test_another_resolution_comes_to_the_same_frame(extractor: Extractor) -> None:
    one, two = extractor.extract(finger(3)), extractor.extract(finger(3, 0, 437, 330, 569))
    assert (two.width, two.height) == (384, 290)
    away = np.hypot(one.x[:, None].astype(float) - two.x, one.y[:, None].astype(float) - two.y).min(axis=0)
    assert (away < 4).mean() > 0.7


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_image_is_a_failure_to_acquire_and_no_error(extractor: Extractor, level: int) -> None:
    assert len(extractor.extract(FingerImage(np.full((300, 300), level, np.uint8)))) == 0


def test_an_image_of_no_size_is_refused(extractor: Extractor) -> None:
    with pytest.raises(FingerError, match="at 500 per inch"):
        extractor.extract(FingerImage(np.zeros((40, 300), np.uint8)))


def test_leader_sees_a_small_finger_on_a_large_image_where_it_lies() -> None:
    small = finger(1).pixels
    large = np.full((900, 1200), 238, np.uint8)
    large[400 : 400 + small.shape[0], 700 : 700 + small.shape[1]] = small
    extractor = Leader()
    one, two = extractor.extract(FingerImage(small)), extractor.extract(FingerImage(large))
    away = np.hypot(one.x[:, None] + 700.0 - two.x, one.y[:, None] + 400.0 - two.y).min(axis=0)
    assert len(two) > 20
    assert (away < 3).mean() > 0.9


def test_leader_refuses_what_would_take_the_memory_of_the_box() -> None:
    rows = (128 + 90 * np.sin(np.arange(2000) * 2 * np.pi / 9)).astype(np.uint8)
    with pytest.raises(FingerError, match="pixels at 500 per inch"):
        Leader().extract(FingerImage(np.repeat(rows[:, None], 2000, axis=1)))


def test_leader_takes_no_other_weights(tmp_path: Path) -> None:
    path = tmp_path / "LEADER.onnx"
    path.write_bytes(b"other weights")
    with pytest.raises(FingerError, match="SHA-256"):
        Leader(weights=path)
    with pytest.raises(FingerError, match="cannot be read"):
        Leader(weights=tmp_path / "absent.onnx")


def test_two_threads_give_the_same_minutiae() -> None:
    one, two = Leader(threads=1).extract(finger(4)), Leader(threads=2).extract(finger(4))
    assert np.array_equal(one.x, two.x)
    assert np.array_equal(one.angle, two.angle)


def test_nfiq2_stands_in_the_template_and_changes_no_minutia() -> None:
    plain, judged = Mindtct().extract(finger(6)), Mindtct(quality=True).extract(finger(6))
    assert 20 <= judged.image_quality <= 100
    assert plain.image_quality == 255
    assert np.array_equal(plain.x, judged.x)
    empty = Mindtct(quality=True).extract(FingerImage(np.full((300, 300), 250, np.uint8)))
    assert (len(empty), empty.image_quality) == (0, 0)


def test_names_and_ids() -> None:
    assert extractor_id_of("leader") == LEADER_ID == "leader-da96e122"
    assert extractor_id_of("mindtct").startswith("mindtct-nbis-py-")
    with pytest.raises(FingerError, match="mindtct, leader"):
        open_extractor("bozorth")
