"""A gallery of two wanted fingers that belong to nobody, as headquarters builds, seals and publishes it.

The prints are made by ``drivers.virtual.prints``: a seed is a finger, and its impression 1 is not quite as it was
enrolled.
"""

from __future__ import annotations

import subprocess
import sys

from hil_tests.bench.country import HEADQUARTERS, ROOT, Country

LIST = "fingers"
WANTED, SECOND, STRANGER = 1000, 1001, 4002  # seeds: right and left index of W-1, and a finger in no gallery
INDEX = f"""record,reference,position,file,name,category,action
W-1,F-{WANTED},right-index,{WANTED}.png,Invented Wantedson,red notice,Confirm with the NCB.
W-1,F-{SECOND},left-index,{SECOND}.png,Invented Wantedson,red notice,Confirm with the NCB.
"""
SETTINGS = f"""[fingers]
extractor = "mindtct"
ask = "never"
required = ["{LIST}"]
work_s = 60
extract_mb = 512
search_mb = 512
capture_wait_s = 300
keep_s = 3600
"""
RING = ("--ring", "keys/list-keys.ring", "--seal-key", "keys/seal.pem")


def publish_gallery(country: Country) -> None:
    """Generation 1 of the gallery, sealed by a list key, in the repository; ``publish_lists`` brings the timestamp."""
    prints = country.folder / "prints"
    prints.mkdir()
    (prints / "index.csv").write_text(INDEX)
    for seed in (WANTED, SECOND):
        to = str(prints / f"{seed}.png")
        words = [sys.executable, "-m", "drivers.virtual.prints", "--seed", str(seed), "--out", to]
        subprocess.run(words, cwd=ROOT, check=True, timeout=120, capture_output=True)
    run, generation = country.run, ("--list", LIST)
    run(HEADQUARTERS, "lists", "build", "--out", "lists", "--source", "fingers-index:prints/index.csv",
        "--extractor", "mindtct")  # fmt: skip
    run(HEADQUARTERS, "keys", "list-key", *generation, "--generation", "1", "--config", "hq.toml")
    run(HEADQUARTERS, "keys", "seal-lists", "--lists", "lists", "--out", "sealed", *generation, "--config", "hq.toml")
    run(HEADQUARTERS, "publish", "list", "repo", LIST, "--from", "sealed", "--key", "rolekeys/list-fingers.pem",
        "--ring", "keys/list-keys.ring")  # fmt: skip
