"""What to do first about each alarm. The page docs/headquarters.md repeats this table."""

from __future__ import annotations

ADVICE = {
    # what headquarters itself finds
    "conflict": "two bodies under one number: look for a cloned box or a journal that was copied back",
    "new_epoch": "ask the post whether the box was made anew; if not, revoke its certificate",
    "foreign_source": "look at the broker's access list: this post may write only its own topics",
    "unopened": "compare seal_key in the post's edge.toml with the keys in hq.toml; the bodies are kept",
    "not_understood": "compare the post's software version with headquarters'; the message is in quarantine",
    "strange_topic": "look for a client with too wide an access list on the broker",
    "too_long": "look for a faulty client on that post's topics",
    "too_many_posts": "raise collector.devices, or look for a client that invents device names",
    "too_many_alarms": "settle the other alarms of this post first",
    "collector_fault": "report it with the log; the message is in quarantine",
    "revoked": "a box that counts no longer still speaks: look for it, and give the broker the newest crl.pem",
    "forged_bundle": "somebody made a stick in the name of a box: keep it, and ask who brought it",
    "rescued_rows": "compare with the box's own audit export if anybody doubts these rows; nobody signed them",
    "former_rows": "rows of an id that the box had before wait: if it was its own, import its stick with --former ID",
    "audit_shorter": "its audit chain was cut or begun anew: if no reset or damaged journal explains it, export it",
    "audit_rewritten": "rows of the box's audit chain were changed: export it, verify it with `borderpost-hq heads`",
    # what boxes report
    "device_renamed": "the box has another id than before: expect its earlier rows by stick; import them with --former",
    "dropped": "the post's disk is full: mend its link or give it more space; only CLEAR passages went",
    "publish_refused": "let the post write bp/v1/DEVICE/up/# on the broker; nothing was lost",
    "ack_not_believed": "compare ack_key in the post's edge.toml with headquarters'; or somebody forges acks",
    "journal_set_aside": "the post's journal was damaged: fetch the file that was set aside, check its disk",
    "not_recorded": "the post's disk is slow, full or failing: its officer noted the traveller by hand; see its doctor",
    "time_refused": "headquarters' clock and the post's last trusted time are over 30 days apart: compare both",
    "reader_lost": "a reader is away, or comes and goes: ask the post to look at its cable, then run its doctor",
    "reader_fault": "a reader gives nothing good: ask the post for its window, cable, and its speed in edge.toml",
    "reader_swapped": "another device stands where a reader was set up: plug each where it belongs, or set it up anew",
    "read_dropped": "a counter did not take what a reader read: restart the post's box, and report it with its log",
    "software_returned": "a new version did not run there, the one before does: fetch the log, publish a mended one",
    "entries_forgotten": "the post's disk refused entries until its memory was full: replace the disk",
}
UNKNOWN = "ask the post's technician to run `borderpost doctor`"


def advice(code: str) -> str:
    """The first thing to do about an alarm of this code."""
    return ADVICE.get(code, UNKNOWN)
