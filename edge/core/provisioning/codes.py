"""Every outcome of a stick, by code: what a RESULT file says, what ``explain`` explains, what the light shows.

A code never changes its meaning and is never used again for another. Texts in Arabic, French and English stand in
``texts_data`` (a test holds both tables together).
"""

from __future__ import annotations

import enum
from typing import Final

from edge.core.errors import BorderpostError


class Grade(enum.StrEnum):
    """How a stick's visit ended; the light shows this much (``OK`` three short, ``REFUSED`` one long, ...)."""

    OK = "ok"
    PART = "part"  # something was done, something was refused
    REFUSED = "refused"  # somebody at headquarters or the technician must do something; the box is as it was
    FAULT = "fault"  # the box itself is not well


class Code(enum.StrEnum):
    """The outcomes. 1xx done, 2xx the stick, 3xx a paper of headquarters, 4xx lists and software, 5xx the box."""

    # done
    REQUEST_WRITTEN = "BP-101"  # the box wrote its request; read the code on its screen to headquarters
    APPLIED = "BP-102"  # an envelope was applied, the box runs with it
    UP_TO_DATE = "BP-103"  # nothing on the stick is newer than what the box has
    LISTS_UPDATED = "BP-104"
    ROWS_WRITTEN = "BP-105"  # sealed rows that headquarters has not acked were written to the stick
    RESET_DONE = "BP-106"
    TIME_TAKEN = "BP-107"
    RENEWAL_WRITTEN = "BP-108"  # a request for a new certificate was written
    SOFTWARE_STAGED = "BP-109"
    ACKS_TAKEN = "BP-110"
    PACKAGE_TAKEN = "BP-111"  # a newer national package, which the root signed, is in force
    # the stick
    NO_PAPERS = "BP-201"  # no BORDERPOST folder, or nothing in it for this box
    WRONG_FILE_SYSTEM = "BP-202"
    MORE_THAN_STORAGE = "BP-203"  # the device has interfaces beside storage
    TOO_MANY_FILES = "BP-204"
    TOO_LARGE = "BP-205"
    ODD_FILE = "BP-206"  # symlink, device, name that is not UTF-8, names that differ by case alone
    READ_ERROR = "BP-207"  # pulled out, or damaged
    STICK_FULL = "BP-208"
    STICK_READ_ONLY = "BP-209"
    OTHER_STICK_AT_WORK = "BP-210"
    TOOK_TOO_LONG = "BP-211"
    # papers
    BAD_SIGNATURE = "BP-301"
    UNKNOWN_KEY = "BP-302"
    DAMAGED_PAPER = "BP-303"  # truncated, altered, not of this format
    OTHER_BOX = "BP-304"
    OLD_NUMBER = "BP-305"  # the number was used already, or is lower than one that was
    EXPIRED = "BP-306"
    NOT_YET_VALID = "BP-307"
    NONCE_UNKNOWN = "BP-308"  # the box did not ask under this claim
    NONCE_USED = "BP-309"
    OTHER_COUNTRY = "BP-310"
    DOES_NOT_OPEN = "BP-311"  # sealed to another key
    BAD_CONFIGURATION = "BP-312"
    BAD_CERTIFICATE = "BP-313"  # not for this key, this device, or not from the authority it brings
    UNEXPECTED_FILE = "BP-314"
    SELF_TEST_FAILED = "BP-315"  # applied, did not work, the old state is back
    TIME_LEAP = "BP-316"
    UNSENT_ROWS = "BP-317"  # a reset would lose rows that headquarters has not acked
    TOO_LARGE_PAPER = "BP-318"
    NOT_ENROLLED = "BP-319"  # an envelope that needs a configuration, on a box without one
    REVOKED = "BP-320"
    CONFIGURED_BY_HAND = "BP-321"  # edge.toml was made by a person: it would outlive a reset, and win over an envelope
    NUMBER_LEAP = "BP-322"  # so far above the last one that no honest paper has it
    TIME_BEHIND = "BP-323"  # a word of time that may not turn back a clock that is ahead of it
    # lists and software (the update's own code stands beside)
    LISTS_REFUSED = "BP-401"
    SOFTWARE_REFUSED = "BP-402"
    # the box
    NO_NATIONAL_PACKAGE = "BP-501"
    DISK_FULL = "BP-502"
    DISK_ERROR = "BP-503"
    BOX_SILENT = "BP-504"  # the daemon did not answer
    FAULT = "BP-505"  # a fault of this program
    BUSY = "BP-506"


MAX_DETAIL: Final = 200  # characters


class ProvisioningError(BorderpostError):
    """A paper or a stick that is refused. ``code`` says why, ``detail`` where (no personal data, no key)."""

    def __init__(self, code: Code, detail: str = "") -> None:
        self.code, self.detail = code, detail[:MAX_DETAIL]
        super().__init__(f"{code}: {self.detail}" if detail else str(code),
                         advice=f"`borderpost-provision explain {code}` says what it means and what to do")
