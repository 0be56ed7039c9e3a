"""Letters of other alphabets as the Latin letters that passports print for them.

Sources: ICAO Doc 9303-3 (8th edition) section 6 tables A (Latin), B (Cyrillic) and C (Arabic). Where a
State in practice prints a transcription instead of the table's own letters (App. B.3.1 allows it for
Arabic), the transcription stands here, because that is what has to meet the listed name; the table's
X-escapes are undone by ``ESCAPES``. Greek, Hebrew and Hangul follow ISO 843, the Academy's simplified
rules and the Revised Romanization: the forms that passports of those States carry.
"""

from __future__ import annotations

# Letters that NFKD does not take apart, and those for which table A wants two letters.
LATIN: dict[str, str] = {
    "Ä": "AE", "Å": "AA", "Æ": "AE", "Ð": "D", "Ö": "OE", "Ø": "OE", "Ü": "UE", "Þ": "TH", "Đ": "D",
    "Ħ": "H", "ı": "I", "İ": "I", "Ĳ": "IJ", "ĸ": "K", "Ŀ": "L", "Ł": "L", "Ŋ": "N", "Œ": "OE", "Ŧ": "T",
    "ẞ": "SS", "ß": "SS", "Ə": "E", "Ɓ": "B", "Ɗ": "D", "Ƙ": "K", "Ƴ": "Y", "Ɛ": "E", "Ɔ": "O",
}
# Table A offers a second form for these; many States print it.
LATIN_PLAIN: dict[str, str] = {"Ä": "A", "Å": "A", "Ö": "O", "Ø": "O", "Ü": "U"}

CYRILLIC: dict[str, str] = {
    "Ё": "E", "Ђ": "D", "Є": "IE", "Ѕ": "DZ", "І": "I", "Ї": "I", "Ј": "J", "Љ": "LJ", "Њ": "NJ", "Ћ": "C",
    "Ќ": "K", "Ў": "U", "Џ": "DZ", "А": "A", "Б": "B", "В": "V", "Г": "G", "Д": "D", "Е": "E", "Ж": "ZH",
    "З": "Z", "И": "I", "Й": "I", "К": "K", "Л": "L", "М": "M", "Н": "N", "О": "O", "П": "P", "Р": "R",
    "С": "S", "Т": "T", "У": "U", "Ф": "F", "Х": "KH", "Ц": "TS", "Ч": "CH", "Ш": "SH", "Щ": "SHCH",
    "Ъ": "IE", "Ы": "Y", "Ь": "", "Э": "E", "Ю": "IU", "Я": "IA", "Ѫ": "U", "Ѵ": "Y", "Ґ": "G", "Ғ": "G",
    "Қ": "K", "Ң": "N", "Ө": "O", "Ү": "U", "Ұ": "U", "Һ": "H", "Ә": "A", "Ҳ": "KH", "Ҷ": "J", "Ӣ": "I",
    "Ӯ": "U", "Ѓ": "G",
}

# Consonants and long vowels; short vowels are not written. Waw and yeh are read by place in folding.py.
ARABIC: dict[str, str] = {
    "ء": "", "آ": "A", "أ": "A", "ؤ": "U", "إ": "I", "ئ": "I", "ا": "A", "ٱ": "A", "ب": "B", "ة": "A",
    "ت": "T", "ث": "TH", "ج": "J", "ح": "H", "خ": "KH", "د": "D", "ذ": "DH", "ر": "R", "ز": "Z", "س": "S",
    "ش": "SH", "ص": "S", "ض": "D", "ط": "T", "ظ": "Z", "غ": "GH", "ف": "F", "ق": "Q", "ك": "K", "ل": "L",
    "م": "M", "ن": "N", "ه": "H", "ى": "A", "پ": "P", "چ": "CH", "ژ": "ZH", "ڤ": "V", "گ": "G", "ک": "K",
    "ٹ": "T", "ټ": "T", "ځ": "Z", "څ": "S", "ڈ": "D", "ډ": "D", "ڑ": "R", "ړ": "R", "ږ": "G", "ښ": "SH",
    "ڛ": "S", "ڜ": "S", "ڢ": "F", "ڧ": "Q", "ڨ": "G", "ګ": "G", "ڭ": "NG", "ں": "N", "ڼ": "N", "ھ": "H",
    "ۀ": "H", "ہ": "H", "ۂ": "H", "ۃ": "A", "ې": "E", "ے": "E", "ۓ": "E",
}
WAW, AIN = "و", "ع"
YEHS = frozenset("يیۍئ") - {"ئ"}
ARTICLE = "ال"
ALI = "على"  # Egypt writes its final yeh without dots
# Names that begin with alef and lam without the article.
NO_ARTICLE = frozenset({
    "الياس", "إلياس", "الهام", "إلهام", "البرت", "الكسندر", "اليكس", "الين", "السا", "اليزابيث",
})

GREEK: dict[str, str] = {
    "ΑΥ": "AF", "ΕΥ": "EF", "ΟΥ": "OU", "ΜΠ": "B", "ΓΓ": "NG", "ΓΚ": "GK", "ΝΤ": "NT",
    "Α": "A", "Β": "V", "Γ": "G", "Δ": "D", "Ε": "E", "Ζ": "Z", "Η": "I", "Θ": "TH", "Ι": "I", "Κ": "K",
    "Λ": "L", "Μ": "M", "Ν": "N", "Ξ": "X", "Ο": "O", "Π": "P", "Ρ": "R", "Σ": "S", "Τ": "T", "Υ": "Y",
    "Φ": "F", "Χ": "CH", "Ψ": "PS", "Ω": "O",
}
HEBREW: dict[str, str] = {
    "א": "A", "ב": "B", "ג": "G", "ד": "D", "ה": "H", "ו": "O", "ז": "Z", "ח": "H", "ט": "T", "י": "I",
    "כ": "K", "ך": "K", "ל": "L", "מ": "M", "ם": "M", "נ": "N", "ן": "N", "ס": "S", "ע": "A", "פ": "P",
    "ף": "F", "צ": "TS", "ץ": "TS", "ק": "K", "ר": "R", "ש": "SH", "ת": "T",
}
HANGUL_LEADS = "G KK N D TT R M B PP S SS - J JJ CH K T P H".replace("-", "").split(" ")
HANGUL_VOWELS = "A AE YA YAE EO E YEO YE O WA WAE OE YO U WO WE WI YU EU UI I".replace("-", "").split(" ")
HANGUL_TAILS = "- K K K N N N T L K M L L L P L M P P T T NG T T K T P T".replace("-", "").split(" ")

# Doc 9303-3 table C backwards: what an X-escape of one or two letters stands for (longest first).
ESCAPES: dict[str, str] = {
    "XTH": "TH", "XKH": "KH", "XDH": "DH", "XSH": "SH", "XSS": "S", "XDZ": "D", "XTT": "T", "XZZ": "Z",
    "XTA": "A", "XAH": "A", "XTG": "A", "XAA": "A", "XAE": "A", "XAY": "A", "XYA": "Y", "XYB": "E",
    "XYH": "H", "XXA": "A", "XXT": "T", "XRT": "T", "XKE": "Z", "XXH": "S", "XXD": "D", "XDR": "D",
    "XXR": "R", "XRR": "R", "XRX": "G", "XXS": "SH", "XKK": "K", "XXK": "G", "XNG": "NG", "XGG": "G",
    "XNN": "N", "XXN": "N", "XDO": "H", "XXG": "H", "XGE": "H", "XXY": "Y", "XBE": "E",
    "XH": "H", "XC": "CH", "XJ": "ZH", "XE": "", "XI": "I",
}
# A token that holds one of these is ICAO's Arabic; ALEXEI and MAXIM hold none.
SURE_ESCAPE = (
    r"^XA[AE]|XTH|XKH|XDH|XSH|XSS|XDZ|XTT|XZZ|XKK|XGG|XNN|XNG|XXT|XXD|XXR|XYA|XH|XT[AG]$|XAH$|XC|XJ"
)
