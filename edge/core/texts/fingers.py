"""What the person at the scanner is told to do: the group ``finger`` of the catalogue, in every language.

The words after the full stop are those of ``edge.core.fingerprints.frame_quality.Instruction``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FINGERS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "finger.no_finger": "no finger is seen: lay it flat on the glass",
        "finger.centre": "lay the finger on the middle of the glass",
        "finger.press_harder": "press a little harder, with the whole fingertip",
        "finger.too_wet": "too wet: wipe the finger and the glass dry",
        "finger.too_dry": "too dry: breathe on the finger, or rub it on the palm",
        "finger.again": "the ridges are unclear: wipe the glass, and lay the finger down again",
        "finger.hold_still": "hold the finger still until the light changes",
        "finger.lift": "lift the finger that lies there",
        "finger.lost": "the scanner lost the image on its way: lay the finger down again",
    },
    "fr": {
        "finger.no_finger": "aucun doigt n'est vu : posez-le à plat sur la vitre",
        "finger.centre": "posez le doigt au milieu de la vitre",
        "finger.press_harder": "appuyez un peu plus, avec tout le bout du doigt",
        "finger.too_wet": "trop humide : essuyez le doigt et la vitre",
        "finger.too_dry": "trop sec : soufflez sur le doigt, ou frottez-le contre la paume",
        "finger.again": "les crêtes sont peu nettes : essuyez la vitre et posez à nouveau le doigt",
        "finger.hold_still": "gardez le doigt immobile jusqu'à ce que la lumière change",
        "finger.lift": "levez le doigt qui est posé là",
        "finger.lost": "le lecteur a perdu l'image en chemin : posez à nouveau le doigt",
    },
    "ar": {
        "finger.no_finger": "لا يُرى إصبع: ضعه مبسوطًا على الزجاج",
        "finger.centre": "ضع الإصبع في وسط الزجاج",
        "finger.press_harder": "اضغط أكثر قليلًا بكامل طرف الإصبع",
        "finger.too_wet": "رطب أكثر من اللازم: جفّف الإصبع والزجاج",
        "finger.too_dry": "جاف أكثر من اللازم: انفخ على الإصبع أو افركه براحة اليد",
        "finger.again": "الخطوط غير واضحة: امسح الزجاج وضع الإصبع من جديد",
        "finger.hold_still": "أبقِ الإصبع ثابتًا حتى يتغير الضوء",
        "finger.lift": "ارفع الإصبع الموضوع هناك",
        "finger.lost": "ضاعت الصورة في طريقها من ماسح البصمات: ضع الإصبع من جديد",
    },
}
