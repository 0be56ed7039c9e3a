"""A site gets other readers: headquarters changes its configuration, and a stick brings it to the box."""

from __future__ import annotations

from pathlib import Path

from hil_tests.bench import gallery, steps
from hil_tests.bench.country import PROVISION, SITE, Country, Site
from hil_tests.bench.lab import Lab
from hil_tests.bench.steps import Visit


def changed(lab: Lab, country: Country, site: Site, to: Path) -> Visit:
    """``site set``, a new envelope for the box that headquarters knows already, one visit of the stick."""
    (country.folder / "site.toml").write_text(site.text())
    keyed = [word for name in site.galleries for word in ("--list", name)]
    country.run(PROVISION, "site", "set", SITE, "--config", "site.toml", *keyed)
    country.fresh_stick()
    country.signs("sign", steps.DEVICE, "--stick", "stick", *gallery.RING)
    return steps.visit(lab, country.stick, to, limit_s=2 * steps.VISIT_S)
