"""Articles and compounds of Arabic names, brought to one form whether printed joined or apart.

1. The article (AL, EL, UL; AR, ASH… before the letter it is assimilated to) is no token.
2. Abd + the divine name is two tokens, ABD and the name: ABDURRAHMAN, ABD AL-RAHMAN, ABDEL RAHMAN.
   ABDALLAH is one name and stays one token.
3. X + al-Din is two tokens, X and DIN: SALAHEDDINE, SALAH AL-DIN, SALAHUDDIN. X + Allah likewise, X
   and ULLAH: HIDAYATULLAH, HIDAYAT ULLAH, NASRALLAH.
4. IBN is BIN, ABOU and ABO before a name are ABU. They stay as tokens, and count little in the score.
"""

from __future__ import annotations

import re

ARTICLES = frozenset({"AL", "EL", "UL", "OUL"})
# Assimilated article: dropped only before a token that begins with its last letters.
ASSIMILATED = frozenset({
    "AR", "AS", "ASH", "AD", "AT", "ATH", "AN", "AZ", "ED", "UD", "EN", "ES", "ECH", "ESH", "ER", "ET",
    "EZ", "UR", "US", "UN", "UZ", "ADH",
})
ABD_FORMS = frozenset({
    "ABDUL", "ABDEL", "ABDAL", "ABDOUL", "ABDIL", "ABDUR", "ABDER", "ABDUS", "ABDES", "ABDEN", "ABDUN",
    "ABDOOL",
})
ABU_FORMS = frozenset({"ABOU", "ABO", "ABI"})
BIN_FORMS = frozenset({"IBN"})
DIN_FORMS = frozenset({
    "EDDINE", "EDDIN", "UDDIN", "UDDEEN", "ADDIN", "ALDIN", "ELDIN", "ELDINE", "ALDEEN", "ELDEEN",
    "EDINE", "UDIN", "DINE", "DEEN", "ALDINE", "ADDINE", "OUDDINE", "EDDEEN", "ADDEEN",
})
NOT_DIN = frozenset({
    "GERALDINE", "GERALDIN", "CLAUDINE", "CLAUDIN", "BAUDIN", "BEAUDIN", "BEAUDINE", "GAUDIN",
})

ALLAH_FORMS = frozenset({"LAH", "LLAH", "ALLAH", "ALLA", "ULLAH", "ELLAH", "ALLH", "LLH"})

# Tokens that say little about who a person is: weighed down, and not counted as agreement by themselves.
WEAK = frozenset({
    "ULLAH",
    "ABD", "ABU", "BIN", "BEN", "BINT", "BINTI", "OULD", "WALAD", "OUM", "UMM", "UM", "DIN", "VAN", "VON",
    "DER", "DEN", "DE", "DA", "DI", "DU", "DOS", "DAS", "DEL", "LA", "LE", "Y", "E", "HAJI", "HAJJI",
    "HADJI", "HAJ", "HAJJ", "MULLAH", "MULLA", "MAULAVI", "MAWLAWI", "MAULANA", "SHEIKH", "SHAIKH",
    "SHAYKH", "CHEIKH", "SAYYID", "DR", "PROF", "PROFESSOR", "PRESIDENT", "PRAESIDENT",
    "PRESIDENTE", "GENERAL", "COLONEL", "MR", "MRS", "MS", "JR", "SR", "III",
})

# ADBUL, ADB AL-, BADUR: two letters swapped; no name begins with the first, and the others are none.
_SWAPPED_ABD = re.compile(r"^ADB(?=[AEIOU]|$)|^BAD(?=[UE][LR]$)")
_ALLAH = re.compile(r"^ABD(?:U|A|E|OU|I)?L+A*(?:H|HI|YE)?$")
_ABD_ARTICLE = re.compile(r"^ABD(?:UL|EL|AL|OUL|IL|OL)([A-Z]{3,})$")
_ABD_SUN = re.compile(r"^ABD[AEIOU]+(?:([RSNTZD])\1)([A-Z]{3,})$")
_ABD_BARE = re.compile(r"^ABD[EIU]([BDFGHJKMNQRSTWZ][A-Z]{3,})$")
_ULLAH = re.compile(r"^([A-Z]{3,}?)(?:[AEO]LL?AH|O?ULL?AH?|ALLH)$")
_ULLAH_CUT = re.compile(r"^([A-Z]{3,}?)[AU]LLA?$")
_ABD_CUT = re.compile(r"^ABD(?:UL|EL|AL|OUL|UR|ER)([A-Z]{0,2})$")
_DIN_CUT = re.compile(r"^([A-Z]{3,}?)(?:E|U|A|OU)DD(?:I|EE|E)?N?$")
_DIN = re.compile(r"^([A-Z]{3,}?)(?:[AEIOU]+[LD]D|U+D|OUD)(?:I|EE|IE)NE?$")


def _split(token: str) -> tuple[str, ...]:
    """One printed token as its canonical tokens (1 or 2, rarely 3)."""
    if token.startswith("ABD") and len(token) > 5:
        if token == "ABDALLAH" or _ALLAH.match(token):
            return ("ABDALLAH",)
        if found := _ABD_ARTICLE.match(token):
            return ("ABD", *_split(found.group(1)))
        if found := _ABD_SUN.match(token):
            return ("ABD", found.group(1) + found.group(2))
        if found := _ABD_BARE.match(token):
            return ("ABD", found.group(1))
    if found := _ULLAH.match(token):
        return (found.group(1), "ULLAH")
    if token in DIN_FORMS:
        return ("DIN",)
    if token[-2:] in {"IN", "NE", "EN"} and token not in NOT_DIN and (found := _DIN.match(token)):
        return (found.group(1), "DIN")
    return (token,)


def of_cut(token: str) -> tuple[str, ...]:
    """A token that a zone may have cut, as canonical tokens: ABDELR is ABD and R, NOUREDDI is NOUR and DIN."""
    if found := _ABD_CUT.match(token):
        return ("ABD", found.group(1)) if found.group(1) else ("ABD",)
    if found := _ULLAH_CUT.match(token):
        return (found.group(1), "ULLAH")
    if (found := _DIN_CUT.match(token)) and token not in NOT_DIN:
        return (found.group(1), "DIN")
    return (token,)


def _is_article(token: str, following: str) -> bool:
    if token in ARTICLES:
        return True
    return token in ASSIMILATED and following.startswith(token[1:])


def canonical(words: list[str]) -> tuple[str, ...]:
    """A-Z words of one name, in order, as canonical tokens. Never empty for a non-empty input."""
    out: list[str] = []
    last = len(words) - 1
    for at, written in enumerate(words):
        word = _SWAPPED_ABD.sub("ABD", written)
        following = words[at + 1] if at < last else ""
        if word in ARTICLES and following.startswith(("LAH", "ALLAH")) and out[-1:] == ["ABD"]:
            continue
        if word in ALLAH_FORMS and out[-1:] == ["ABD"]:
            out[-1] = "ABDALLAH"
        elif word in ALLAH_FORMS and len(words) > 1:
            out.append("ULLAH")
        elif _is_article(word, following):
            continue
        elif word in ABD_FORMS:
            out.append("ABD")
        elif word in ABU_FORMS:
            out.append("ABU")
        elif word in BIN_FORMS:
            out.append("BIN")
        else:
            out.extend(_split(word))
    return tuple(out) or tuple(words)
