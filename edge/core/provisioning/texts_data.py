"""What each outcome of a stick means and what to do next, in Arabic, French and English. A table of facts.

Every text is written for a technician who has no other paper at hand and need not know English. The cause says what
happened, the next step begins with what to do now; "nothing to do" is said, not left out. In an Arabic text Latin
letters stand at its very end only, so that it can be read in a plain text window of either direction; it begins with
an Arabic letter, and holds no marks of direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from edge.core.provisioning.codes import Code, Grade

LANGUAGES: Final = ("ar", "fr", "en")


class Advice(NamedTuple):
    """What happened, and the next step."""

    cause: str
    step: str


_AR: Final[dict[Code, Advice]] = {
    Code.REQUEST_WRITTEN: Advice(
        "كتب الجهاز طلب تسجيله على الذاكرة المحمولة.",
        "اتصل بالإدارة المركزية واقرأ عليها الرمز الظاهر على شاشة الجهاز (16 خانة)، ثم أرسل إليها الذاكرة "
        "المحمولة."),
    Code.APPLIED: Advice(
        "طبّق الجهاز ما أرسلته إليه الإدارة المركزية، وهو يعمل به الآن.",
        "لا يلزم أي إجراء آخر. أعد الذاكرة المحمولة إلى الإدارة المركزية."),
    Code.UP_TO_DATE: Advice(
        "ليس على الذاكرة المحمولة ما هو أحدث مما على الجهاز.",
        "لا يلزم أي إجراء. إذا كنت تنتظر تحديثاً فاطلب من الإدارة المركزية ذاكرة أحدث."),
    Code.LISTS_UPDATED: Advice(
        "حُدّثت القوائم على الجهاز.",
        "لا يلزم أي إجراء آخر. تجد أرقام القوائم أدناه."),
    Code.ROWS_WRITTEN: Advice(
        "كُتبت على الذاكرة المحمولة، مختومةً، السجلات التي لم تؤكد الإدارة المركزية استلامها بعد.",
        "أرسل الذاكرة المحمولة إلى الإدارة المركزية ولا تمسح محتواها. لا يستطيع أحد غيرها قراءة هذه السجلات."),
    Code.RESET_DONE: Advice(
        "مُحيت بيانات الجهاز ومفاتيحه بأمر موقّع من الإدارة المركزية.",
        "اطلب من الإدارة المركزية إذن تسجيل جديداً لإعادة الجهاز إلى الخدمة."),
    Code.TIME_TAKEN: Advice(
        "أخذ الجهاز الوقت من رسالة موقّعة من الإدارة المركزية.",
        "لا يلزم أي إجراء. قارن الوقت المكتوب أدناه بساعتك."),
    Code.RENEWAL_WRITTEN: Advice(
        "كتب الجهاز طلب تجديد شهادته على الذاكرة المحمولة.",
        "أرسل الذاكرة المحمولة إلى الإدارة المركزية. يستمر الجهاز في العمل بشهادته الحالية."),
    Code.SOFTWARE_STAGED: Advice(
        "نُسخ إصدار جديد من البرنامج إلى الجهاز وتحقق الجهاز منه.",
        "لا تفصل الكهرباء عن الجهاز خلال الدقائق العشر القادمة. إذا فشل الإصدار الجديد عاد الجهاز إلى السابق وحده."),
    Code.ACKS_TAKEN: Advice(
        "أكدت الإدارة المركزية استلام سجلات كان الجهاز يحتفظ بها.",
        "لا يلزم أي إجراء."),
    Code.PACKAGE_TAKEN: Advice(
        "أخذ الجهاز حزمة وطنية أحدث موقّعة بالمفاتيح الجذرية، وهو يطيع المفاتيح المذكورة فيها من الآن.",
        "لا يلزم أي إجراء آخر."),
    Code.NO_PAPERS: Advice(
        "ليس على الذاكرة المحمولة شيء لهذا الجهاز.",
        "تحقق من أنها الذاكرة الصحيحة لهذا الجهاز، ومن وجود المجلد الذي أعدته الإدارة المركزية باسم: BORDERPOST"),
    Code.WRONG_FILE_SYSTEM: Advice(
        "الذاكرة المحمولة مهيأة بنظام ملفات لا يقبله الجهاز.",
        "اطلب من الإدارة المركزية ذاكرة أخرى، أو هيّئها من جديد ثم انسخ الملفات إليها، بأحد نظامي الملفات: FAT32, "
        "exFAT"),
    Code.MORE_THAN_STORAGE: Advice(
        "القطعة الموصولة ليست ذاكرة تخزين فحسب (قد تتصرف كلوحة مفاتيح مثلاً)، ولذلك رفضها الجهاز.",
        "انزعها فوراً ولا تستعملها في أي حاسوب، وسلّمها إلى مسؤول الأمن. استعمل ذاكرة محمولة أخرى."),
    Code.TOO_MANY_FILES: Advice(
        "على الذاكرة المحمولة ملفات أو مجلدات أكثر من المسموح.",
        "انقل الملفات الأخرى إلى مكان آخر واترك مجلد الإدارة المركزية وحده، ثم أدخل الذاكرة من جديد."),
    Code.TOO_LARGE: Advice(
        "على الذاكرة المحمولة ملف أكبر من المسموح.",
        "اترك عليها مجلد الإدارة المركزية وحده ثم أعد المحاولة. إذا تكرر ذلك فاطلب ذاكرة أخرى."),
    Code.ODD_FILE: Advice(
        "على الذاكرة المحمولة ملف بنوع أو اسم غير مقبول.",
        "لا تغيّر شيئاً في مجلد الإدارة المركزية. اطلب منها إعداد الذاكرة من جديد."),
    Code.READ_ERROR: Advice(
        "تعذرت قراءة الذاكرة المحمولة: إما نُزعت قبل الأوان وإما هي تالفة. بقي الجهاز سليماً.",
        "أدخلها مرة أخرى وانتظر حتى ينتهي وميض الضوء. إذا تكرر ذلك فاستعمل ذاكرة أخرى."),
    Code.STICK_FULL: Advice(
        "لا يوجد مكان كافٍ على الذاكرة المحمولة لما يجب أن يكتبه الجهاز.",
        "احذف منها ما لا يخص الإدارة المركزية، أو استعمل ذاكرة أكبر، ثم أدخلها من جديد."),
    Code.STICK_READ_ONLY: Advice(
        "لا يستطيع الجهاز الكتابة على الذاكرة المحمولة.",
        "حرّك مفتاح منع الكتابة إن وُجد، أو استعمل ذاكرة أخرى، ثم أدخلها من جديد."),
    Code.OTHER_STICK_AT_WORK: Advice(
        "ما زالت ذاكرة محمولة أخرى قيد المعالجة في هذا الجهاز.",
        "انتظر حتى ينتهي العمل على الأولى وانزعها، ثم أدخل هذه من جديد."),
    Code.TOOK_TOO_LONG: Advice(
        "تجاوزت معالجة الذاكرة المحمولة الوقت المسموح فأوقفها الجهاز.",
        "أدخلها مرة أخرى. إذا تكرر ذلك فهي بطيئة أو تالفة: استعمل ذاكرة أخرى."),
    Code.BAD_SIGNATURE: Advice(
        "توقيع الملف غير صحيح: لقد غُيّر بعد أن وقّعته الإدارة المركزية، أو تلف. لم يتغير شيء في الجهاز.",
        "لا تستعمل هذه الذاكرة مرة أخرى. أبلغ الإدارة المركزية واطلب منها ذاكرة جديدة."),
    Code.UNKNOWN_KEY: Advice(
        "الملف موقّع بمفتاح لا يعرفه هذا الجهاز.",
        "تحقق من مصدر الذاكرة المحمولة. أبلغ الإدارة المركزية: قد يحتاج الجهاز إلى حزمة وطنية أحدث."),
    Code.DAMAGED_PAPER: Advice(
        "الملف ناقص أو تالف. لم يتغير شيء في الجهاز.",
        "انسخ الملفات من الإدارة المركزية مرة أخرى، وافصل الذاكرة عن الحاسوب بالطريقة الآمنة، ثم أعد المحاولة."),
    Code.OTHER_BOX: Advice(
        "الملف معدّ لجهاز آخر.",
        "أدخل الذاكرة في الجهاز الصحيح: رقمه التسلسلي مكتوب على ملصقه، وتجد الرقم المطلوب في آخر هذه النتيجة."),
    Code.OLD_NUMBER: Advice(
        "سبق أن استعمل الجهاز هذا الملف أو ملفاً أحدث منه، ولا يُقبل مرتين.",
        "إذا كان الجهاز يعمل فلا يلزم أي إجراء. وإلا فاطلب من الإدارة المركزية ملفاً جديداً."),
    Code.EXPIRED: Advice(
        "انتهت مدة صلاحية الملف.",
        "اطلب من الإدارة المركزية ملفاً جديداً. إذا كان الوقت المكتوب أدناه خطأً فأبلغها بذلك."),
    Code.NOT_YET_VALID: Advice(
        "لم تبدأ صلاحية الملف بعد.",
        "قارن الوقت المكتوب أدناه بساعتك. إن كان صحيحاً فأدخل الذاكرة في يوم بدء الصلاحية، وإلا فأبلغ الإدارة "
        "المركزية."),
    Code.NONCE_UNKNOWN: Advice(
        "هذا الرد لا يطابق أي طلب كتبه هذا الجهاز.",
        "أدخل أولاً ذاكرة إذن التسجيل ليكتب الجهاز طلباً جديداً، ثم أرسلها إلى الإدارة المركزية."),
    Code.NONCE_USED: Advice(
        "استُعمل إذن التسجيل هذا من قبل.",
        "اطلب من الإدارة المركزية إذن تسجيل جديداً."),
    Code.OTHER_COUNTRY: Advice(
        "الملف صادر لدولة أخرى.",
        "تحقق من مصدر الذاكرة المحمولة وأعدها إلى الإدارة المركزية."),
    Code.DOES_NOT_OPEN: Advice(
        "لا يستطيع الجهاز فتح الملف: فهو مشفّر بمفتاح آخر، وقد تكون مفاتيح الجهاز قد تجددت.",
        "أدخل ذاكرة إذن التسجيل ليكتب الجهاز طلباً جديداً، واطلب من الإدارة المركزية ملفاً جديداً."),
    Code.BAD_CONFIGURATION: Advice(
        "في إعدادات المركز خطأ، فلم يطبّقها الجهاز واستمر كما كان.",
        "أرسل الذاكرة المحمولة بهذه النتيجة إلى الإدارة المركزية لتصحيح الإعدادات."),
    Code.BAD_CERTIFICATE: Advice(
        "الشهادة لا تطابق هذا الجهاز أو مفتاحه أو الجهة التي أصدرتها.",
        "أرسل الذاكرة المحمولة بهذه النتيجة إلى الإدارة المركزية لإصدار شهادة جديدة."),
    Code.UNEXPECTED_FILE: Advice(
        "في الظرف الموقّع ملف لا يعرفه هذا الإصدار من البرنامج.",
        "أبلغ الإدارة المركزية: قد يحتاج الجهاز إلى تحديث البرنامج أولاً."),
    Code.SELF_TEST_FAILED: Advice(
        "طُبّقت الإعدادات الجديدة لكن الفحص الذاتي فشل، فعاد الجهاز إلى حالته السابقة.",
        "الجهاز يعمل كما كان من قبل. أرسل الذاكرة المحمولة بهذه النتيجة إلى الإدارة المركزية."),
    Code.TIME_LEAP: Advice(
        "الوقت الوارد في الملف بعيد جداً عن آخر وقت يعرفه الجهاز.",
        "أبلغ الإدارة المركزية واطلب منها رسالة وقت موقّعة بالمفاتيح الجذرية."),
    Code.UNSENT_ROWS: Advice(
        "رُفض المحو لأن على الجهاز سجلات لم تؤكد الإدارة المركزية استلامها. وقد كُتبت مختومةً على الذاكرة "
        "المحمولة.",
        "أرسل الذاكرة المحمولة إلى الإدارة المركزية، ثم أعد المحو بعد وصول تأكيدها."),
    Code.TOO_LARGE_PAPER: Advice(
        "الملف أكبر مما يقبله الجهاز.",
        "أبلغ الإدارة المركزية واطلب منها ملفاً جديداً."),
    Code.NOT_ENROLLED: Advice(
        "هذا الملف يكمّل إعدادات سابقة، وليس على الجهاز إعدادات بعد.",
        "اطلب من الإدارة المركزية الملف الأول الكامل لهذا الجهاز."),
    Code.REVOKED: Advice(
        "ألغت الإدارة المركزية هذا الجهاز أو شهادته.",
        "أوقف استعمال الجهاز واتصل بالإدارة المركزية."),
    Code.CONFIGURED_BY_HAND: Advice(
        "كُتبت إعدادات هذا الجهاز يدوياً، وهي تبقى بعد المسح وتتقدم على أي إعدادات مرسلة. لم يُنفَّذ الأمر.",
        "على المسؤول عن الجهاز أن ينقل ملف الإعدادات من مكانه ويعيد تشغيل الجهاز، ثم أدخل الذاكرة المحمولة مرة أخرى."),
    Code.NUMBER_LEAP: Advice(
        "رقم الملف أعلى بكثير من آخر رقم أخذه الجهاز، فلم يقبله. لم يتغير شيء في الجهاز.",
        "لا تستعمل هذه الذاكرة مرة أخرى. أبلغ الإدارة المركزية بهذه النتيجة فوراً: ربما سُرق مفتاح أو استُرجع سجل "
        "قديم."),
    Code.TIME_BEHIND: Advice(
        "الوقت في الجهاز متقدم على الوقت الوارد في الملف، والملف لا يأذن بإرجاعه إلى الوراء. لم يتغير شيء في الجهاز.",
        "قارن الوقت المكتوب أدناه بساعتك. إن كان صحيحاً فلا يلزم أي إجراء. وإن كان متقدماً فاطلب من الإدارة "
        "المركزية رسالة "
        "وقت موقّعة بالمفاتيح الجذرية تأذن بإرجاع الوقت."),
    Code.LISTS_REFUSED: Advice(
        "رُفضت القوائم التي على الذاكرة المحمولة. ما زال الجهاز يعمل بقوائمه السابقة.",
        "اطلب من الإدارة المركزية ذاكرة أحدث، وأرسل إليها هذه النتيجة."),
    Code.SOFTWARE_REFUSED: Advice(
        "رُفض البرنامج الجديد الذي على الذاكرة المحمولة. ما زال الجهاز يعمل ببرنامجه السابق.",
        "أرسل هذه النتيجة إلى الإدارة المركزية."),
    Code.NO_NATIONAL_PACKAGE: Advice(
        "ليس على الجهاز حزمة وطنية، فلا يعرف أوامر مَن يطيع.",
        "يجب تجهيز الجهاز من جديد بالحزمة الوطنية: أعده إلى الإدارة المركزية."),
    Code.DISK_FULL: Advice(
        "قرص الجهاز ممتلئ، فلم يُحفظ شيء جديد.",
        "صِل الجهاز بالشبكة حتى يرسل سجلاته، أو اتصل بالإدارة المركزية."),
    Code.DISK_ERROR: Advice(
        "حدث خطأ في قرص الجهاز.",
        "أعد تشغيل الجهاز مرة واحدة ثم أدخل الذاكرة من جديد. إذا تكرر الخطأ فأبلغ الإدارة المركزية: قد يلزم "
        "استبدال الجهاز."),
    Code.BOX_SILENT: Advice(
        "لم يجب برنامج الجهاز في الوقت المحدد.",
        "انتظر خمس دقائق ثم أدخل الذاكرة من جديد. إذا تكرر ذلك فأعد تشغيل الجهاز، ثم أبلغ الإدارة المركزية."),
    Code.FAULT: Advice(
        "حدث خطأ في البرنامج نفسه. لم يتغير شيء في الجهاز.",
        "أرسل الذاكرة المحمولة بهذه النتيجة إلى الإدارة المركزية."),
    Code.BUSY: Advice(
        "الجهاز مشغول بعملية سابقة.",
        "انتظر خمس دقائق ثم أدخل الذاكرة من جديد."),
}

_FR: Final[dict[Code, Advice]] = {
    Code.REQUEST_WRITTEN: Advice(
        "Le boîtier a écrit sa demande d'enregistrement sur la clé USB.",
        "Appelez la direction centrale et lisez-lui le code de 16 caractères affiché sur l'écran du boîtier, puis "
        "faites-lui parvenir la clé USB."),
    Code.APPLIED: Advice(
        "Le boîtier a appliqué ce que la direction centrale lui a envoyé et fonctionne avec.",
        "Il n'y a plus rien à faire. Rendez la clé USB à la direction centrale."),
    Code.UP_TO_DATE: Advice(
        "La clé USB ne contient rien de plus récent que le boîtier.",
        "Il n'y a rien à faire. Si vous attendiez une mise à jour, demandez une clé USB plus récente à la "
        "direction centrale."),
    Code.LISTS_UPDATED: Advice(
        "Les listes du boîtier ont été mises à jour.",
        "Il n'y a plus rien à faire. Les numéros des listes figurent ci-dessous."),
    Code.ROWS_WRITTEN: Advice(
        "Les enregistrements dont la direction centrale n'a pas encore accusé réception sont écrits, scellés, sur "
        "la clé USB.",
        "Faites parvenir la clé USB à la direction centrale sans rien effacer. Elle seule peut lire ces "
        "enregistrements."),
    Code.RESET_DONE: Advice(
        "Les données et les clés cryptographiques du boîtier ont été effacées sur ordre signé de la direction "
        "centrale.",
        "Pour remettre le boîtier en service, demandez une nouvelle autorisation d'enregistrement à la direction "
        "centrale."),
    Code.TIME_TAKEN: Advice(
        "Le boîtier a pris l'heure d'un message signé par la direction centrale.",
        "Il n'y a rien à faire. Comparez l'heure indiquée ci-dessous à votre montre."),
    Code.RENEWAL_WRITTEN: Advice(
        "Le boîtier a écrit sur la clé USB une demande de renouvellement de son certificat.",
        "Faites parvenir la clé USB à la direction centrale. Le boîtier continue avec son certificat actuel."),
    Code.SOFTWARE_STAGED: Advice(
        "Une nouvelle version du logiciel a été copiée et vérifiée.",
        "Ne coupez pas le courant pendant les dix prochaines minutes. Si la nouvelle version échoue, le boîtier "
        "revient seul à la précédente."),
    Code.ACKS_TAKEN: Advice(
        "La direction centrale a accusé réception d'enregistrements que le boîtier gardait.",
        "Il n'y a rien à faire."),
    Code.PACKAGE_TAKEN: Advice(
        "Le boîtier a pris un paquet national plus récent, signé par les clés racines ; il obéit désormais aux clés "
        "que ce paquet nomme.",
        "Rien d'autre à faire."),
    Code.NO_PAPERS: Advice(
        "La clé USB ne contient rien pour ce boîtier.",
        "Vérifiez que c'est la bonne clé USB pour ce boîtier et qu'elle contient le dossier BORDERPOST préparé par "
        "la direction centrale."),
    Code.WRONG_FILE_SYSTEM: Advice(
        "La clé USB est formatée dans un système de fichiers que le boîtier n'accepte pas.",
        "Demandez une autre clé USB, ou formatez celle-ci en FAT32 ou exFAT et recopiez-y les fichiers."),
    Code.MORE_THAN_STORAGE: Advice(
        "L'appareil branché n'est pas seulement une clé USB de stockage (il peut par exemple agir comme un "
        "clavier) : le boîtier l'a refusé.",
        "Retirez-le immédiatement, ne le branchez sur aucun ordinateur et remettez-le au responsable de la "
        "sécurité. Utilisez une autre clé USB."),
    Code.TOO_MANY_FILES: Advice(
        "La clé USB contient plus de fichiers ou de dossiers qu'il n'est permis.",
        "Déplacez ailleurs les autres fichiers, ne laissez que le dossier de la direction centrale, puis "
        "rebranchez la clé USB."),
    Code.TOO_LARGE: Advice(
        "La clé USB contient un fichier plus grand qu'il n'est permis.",
        "Ne laissez sur la clé USB que le dossier de la direction centrale et réessayez. Si cela se répète, "
        "demandez une autre clé USB."),
    Code.ODD_FILE: Advice(
        "La clé USB contient un fichier d'un type ou d'un nom qui n'est pas accepté.",
        "Ne modifiez rien dans le dossier de la direction centrale. Demandez-lui de préparer la clé USB à nouveau."),
    Code.READ_ERROR: Advice(
        "La clé USB n'a pas pu être lue : elle a été retirée trop tôt, ou elle est abîmée. Le boîtier est intact.",
        "Rebranchez-la et attendez que le voyant cesse de clignoter. Si cela se répète, utilisez une autre clé "
        "USB."),
    Code.STICK_FULL: Advice(
        "Il n'y a pas assez de place sur la clé USB pour ce que le boîtier doit y écrire.",
        "Supprimez-en ce qui n'appartient pas à la direction centrale, ou utilisez une clé USB plus grande, puis "
        "rebranchez-la."),
    Code.STICK_READ_ONLY: Advice(
        "Le boîtier ne peut pas écrire sur la clé USB.",
        "Déplacez l'interrupteur de protection en écriture s'il y en a un, ou utilisez une autre clé USB, puis "
        "rebranchez-la."),
    Code.OTHER_STICK_AT_WORK: Advice(
        "Une autre clé USB est encore en cours de traitement dans ce boîtier.",
        "Attendez la fin du travail sur la première, retirez-la, puis rebranchez celle-ci."),
    Code.TOOK_TOO_LONG: Advice(
        "Le traitement de la clé USB a dépassé le temps permis et a été arrêté.",
        "Rebranchez-la. Si cela se répète, la clé USB est trop lente ou abîmée : utilisez-en une autre."),
    Code.BAD_SIGNATURE: Advice(
        "La signature du fichier ne convient pas : il a été modifié après que la direction centrale l'a signé, ou "
        "abîmé. Rien n'a changé sur le boîtier.",
        "N'utilisez plus cette clé USB. Prévenez la direction centrale et demandez-lui une nouvelle clé USB."),
    Code.UNKNOWN_KEY: Advice(
        "Le fichier est signé par une clé de signature que ce boîtier ne connaît pas.",
        "Vérifiez d'où vient la clé USB. Prévenez la direction centrale : le boîtier a peut-être besoin d'un "
        "paquet national plus récent."),
    Code.DAMAGED_PAPER: Advice(
        "Le fichier est incomplet ou abîmé. Rien n'a changé sur le boîtier.",
        "Recopiez les fichiers reçus de la direction centrale, éjectez la clé USB de l'ordinateur avant de la "
        "retirer, puis réessayez."),
    Code.OTHER_BOX: Advice(
        "Le fichier est destiné à un autre boîtier.",
        "Branchez la clé USB sur le bon boîtier : son numéro de série est sur son étiquette, et le numéro demandé à la "
        "fin de ce résultat."),
    Code.OLD_NUMBER: Advice(
        "Le boîtier a déjà utilisé ce fichier ou un plus récent ; il ne sert qu'une fois.",
        "Si le boîtier fonctionne, il n'y a rien à faire. Sinon, demandez un nouveau fichier à la direction "
        "centrale."),
    Code.EXPIRED: Advice(
        "La durée de validité du fichier est dépassée.",
        "Demandez un nouveau fichier à la direction centrale. Si l'heure indiquée ci-dessous est fausse, "
        "signalez-le-lui."),
    Code.NOT_YET_VALID: Advice(
        "La validité du fichier n'a pas encore commencé.",
        "Comparez l'heure indiquée ci-dessous à votre montre. Si elle est juste, rebranchez la clé USB le jour où "
        "la validité commence ; sinon prévenez la direction centrale."),
    Code.NONCE_UNKNOWN: Advice(
        "Cette réponse ne correspond à aucune demande de ce boîtier.",
        "Branchez d'abord la clé USB d'autorisation pour que le boîtier écrive une nouvelle demande, puis "
        "envoyez-la à la direction centrale."),
    Code.NONCE_USED: Advice(
        "Cette autorisation d'enregistrement a déjà servi.",
        "Demandez une nouvelle autorisation à la direction centrale."),
    Code.OTHER_COUNTRY: Advice(
        "Le fichier a été établi pour un autre pays.",
        "Vérifiez d'où vient la clé USB et rendez-la à la direction centrale."),
    Code.DOES_NOT_OPEN: Advice(
        "Le boîtier ne peut pas ouvrir le fichier : il est chiffré pour une autre clé de chiffrement ; celles du "
        "boîtier ont peut-être été renouvelées.",
        "Branchez la clé USB d'autorisation pour que le boîtier écrive une nouvelle demande, et demandez un "
        "nouveau fichier à la direction centrale."),
    Code.BAD_CONFIGURATION: Advice(
        "La configuration du poste contient une erreur ; le boîtier ne l'a pas appliquée et continue comme avant.",
        "Envoyez la clé USB avec ce résultat à la direction centrale pour qu'elle corrige la configuration."),
    Code.BAD_CERTIFICATE: Advice(
        "Le certificat ne correspond pas à ce boîtier, à sa clé cryptographique ou à l'autorité qui l'a délivré.",
        "Envoyez la clé USB avec ce résultat à la direction centrale pour qu'elle délivre un nouveau certificat."),
    Code.UNEXPECTED_FILE: Advice(
        "L'enveloppe signée contient un fichier que cette version du logiciel ne connaît pas.",
        "Prévenez la direction centrale : le logiciel du boîtier doit peut-être d'abord être mis à jour."),
    Code.SELF_TEST_FAILED: Advice(
        "La nouvelle configuration a été appliquée, mais l'autotest a échoué : l'ancien état est rétabli.",
        "Le boîtier fonctionne comme avant. Envoyez la clé USB avec ce résultat à la direction centrale."),
    Code.TIME_LEAP: Advice(
        "L'heure indiquée dans le fichier est trop éloignée de la dernière heure connue du boîtier.",
        "Prévenez la direction centrale et demandez-lui un message d'heure signé par les clés racines."),
    Code.UNSENT_ROWS: Advice(
        "L'effacement est refusé : le boîtier garde des enregistrements dont la direction centrale n'a pas accusé "
        "réception. Ils sont écrits, scellés, sur la clé USB.",
        "Faites parvenir la clé USB à la direction centrale, puis recommencez quand son accusé de réception est "
        "arrivé."),
    Code.TOO_LARGE_PAPER: Advice(
        "Le fichier est plus grand que ce que le boîtier accepte.",
        "Prévenez la direction centrale et demandez-lui un nouveau fichier."),
    Code.NOT_ENROLLED: Advice(
        "Ce fichier complète une configuration, et le boîtier n'en a pas encore.",
        "Demandez à la direction centrale le premier fichier, complet, pour ce boîtier."),
    Code.REVOKED: Advice(
        "La direction centrale a révoqué ce boîtier ou son certificat.",
        "Cessez d'utiliser le boîtier et appelez la direction centrale."),
    Code.CONFIGURED_BY_HAND: Advice(
        "Ce boîtier est configuré à la main (edge.toml) : cette configuration survivrait à l'effacement et passerait "
        "avant celle d'une enveloppe. Rien n'a été fait.",
        "Que l'administrateur du boîtier retire edge.toml et redémarre le boîtier ; puis branchez la clé USB "
        "à nouveau."),
    Code.NUMBER_LEAP: Advice(
        "Le numéro du fichier est beaucoup plus élevé que le dernier que le boîtier a pris. Il a été refusé ; rien n'a "
        "changé sur le boîtier.",
        "N'utilisez plus cette clé USB. Signalez ce résultat sans attendre à la direction centrale : une clé de "
        "signature est peut-être volée, ou un ancien registre a été remis en place."),
    Code.TIME_BEHIND: Advice(
        "L'heure du boîtier est en avance sur celle du fichier, qui n'autorise pas à la reculer. Rien n'a changé.",
        "Comparez l'heure indiquée ci-dessous à votre montre. Si elle est juste, il n'y a rien à faire. Si "
        "elle avance, "
        "demandez à la direction centrale un message d'heure --lower signé par les clés racines."),
    Code.LISTS_REFUSED: Advice(
        "Les listes de la clé USB ont été refusées. Le boîtier continue avec ses listes précédentes.",
        "Demandez une clé USB plus récente à la direction centrale et envoyez-lui ce résultat."),
    Code.SOFTWARE_REFUSED: Advice(
        "Le nouveau logiciel de la clé USB a été refusé. Le boîtier continue avec son logiciel précédent.",
        "Envoyez ce résultat à la direction centrale."),
    Code.NO_NATIONAL_PACKAGE: Advice(
        "Le boîtier n'a pas de paquet national : il ne sait pas à qui obéir.",
        "Le boîtier doit être préparé à nouveau avec le paquet national : renvoyez-le à la direction centrale."),
    Code.DISK_FULL: Advice(
        "Le disque du boîtier est plein ; rien de nouveau n'a été enregistré.",
        "Reliez le boîtier au réseau pour qu'il transmette ses enregistrements, ou appelez la direction centrale."),
    Code.DISK_ERROR: Advice(
        "Une erreur est survenue sur le disque du boîtier.",
        "Redémarrez le boîtier une fois, puis rebranchez la clé USB. Si l'erreur se répète, prévenez la direction "
        "centrale : il faudra peut-être remplacer le boîtier."),
    Code.BOX_SILENT: Advice(
        "Le logiciel du boîtier n'a pas répondu dans le temps prévu.",
        "Attendez cinq minutes, puis rebranchez la clé USB. Si cela se répète, redémarrez le boîtier, puis "
        "prévenez la direction centrale."),
    Code.FAULT: Advice(
        "Une erreur est survenue dans le logiciel lui-même. Rien n'a changé sur le boîtier.",
        "Envoyez la clé USB avec ce résultat à la direction centrale."),
    Code.BUSY: Advice(
        "Le boîtier est occupé par une opération précédente.",
        "Attendez cinq minutes, puis rebranchez la clé USB."),
}

_EN: Final[dict[Code, Advice]] = {
    Code.REQUEST_WRITTEN: Advice(
        "The box wrote its request for enrolment to the stick.",
        "Call headquarters, read the 16-character code on the box's screen to them, then send them the stick."),
    Code.APPLIED: Advice(
        "The box applied what headquarters sent it, and runs with it.",
        "Nothing more to do. Return the stick to headquarters."),
    Code.UP_TO_DATE: Advice(
        "Nothing on the stick is newer than what the box has.",
        "Nothing to do. If you expected an update, ask headquarters for a newer stick."),
    Code.LISTS_UPDATED: Advice(
        "The lists on the box were updated.",
        "Nothing more to do. The numbers of the lists stand below."),
    Code.ROWS_WRITTEN: Advice(
        "The records that headquarters has not acknowledged yet were written to the stick, sealed.",
        "Send the stick to headquarters and delete nothing from it. Nobody else can read these records."),
    Code.RESET_DONE: Advice(
        "The box's data and keys were erased by a signed order of headquarters.",
        "To use the box again, ask headquarters for a new permission to enrol."),
    Code.TIME_TAKEN: Advice(
        "The box took the time from a message that headquarters signed.",
        "Nothing to do. Compare the time below with your watch."),
    Code.RENEWAL_WRITTEN: Advice(
        "The box wrote a request for a new certificate to the stick.",
        "Send the stick to headquarters. The box works on with its present certificate."),
    Code.SOFTWARE_STAGED: Advice(
        "A new version of the software was copied and verified.",
        "Leave the power on for the next ten minutes. If the new version fails, the box returns to the last one "
        "itself."),
    Code.ACKS_TAKEN: Advice(
        "Headquarters acknowledged records that the box was keeping.",
        "Nothing to do."),
    Code.PACKAGE_TAKEN: Advice(
        "The box took a newer national package, which the root keys signed; from now on it obeys the keys that are "
        "named there.",
        "Nothing else to do."),
    Code.NO_PAPERS: Advice(
        "There is nothing for this box on the stick.",
        "Check that it is the right stick for this box, and that it has the folder BORDERPOST that headquarters "
        "made."),
    Code.WRONG_FILE_SYSTEM: Advice(
        "The stick has a file system that the box does not accept.",
        "Ask for another stick, or format this one as FAT32 or exFAT and copy the files to it again."),
    Code.MORE_THAN_STORAGE: Advice(
        "What was plugged in is more than a storage stick (it may act as a keyboard, for instance): the box "
        "refused it.",
        "Pull it out at once, use it in no computer, and give it to the security officer. Use another stick."),
    Code.TOO_MANY_FILES: Advice(
        "There are more files or folders on the stick than are allowed.",
        "Move the other files elsewhere, leave only the folder of headquarters, and plug the stick in again."),
    Code.TOO_LARGE: Advice(
        "A file on the stick is larger than is allowed.",
        "Leave only the folder of headquarters on it and try again. If it happens again, ask for another stick."),
    Code.ODD_FILE: Advice(
        "There is a file on the stick of a kind or with a name that is not accepted.",
        "Change nothing in the folder of headquarters. Ask them to prepare the stick again."),
    Code.READ_ERROR: Advice(
        "The stick could not be read: it was pulled out too early, or it is damaged. The box is unharmed.",
        "Plug it in again and wait until the light stops blinking. If it happens again, use another stick."),
    Code.STICK_FULL: Advice(
        "There is not enough room on the stick for what the box has to write.",
        "Delete what does not belong to headquarters, or use a larger stick, and plug it in again."),
    Code.STICK_READ_ONLY: Advice(
        "The box cannot write to the stick.",
        "Move the write-protect switch if it has one, or use another stick, and plug it in again."),
    Code.OTHER_STICK_AT_WORK: Advice(
        "Another stick is still being worked on in this box.",
        "Wait until the first one is done, pull it out, and plug this one in again."),
    Code.TOOK_TOO_LONG: Advice(
        "The stick took longer than is allowed, and the work was stopped.",
        "Plug it in again. If it happens again, the stick is too slow or damaged: use another one."),
    Code.BAD_SIGNATURE: Advice(
        "The signature of the file does not fit: it was changed after headquarters signed it, or damaged. Nothing "
        "changed on the box.",
        "Do not use this stick again. Tell headquarters, and ask for a new one."),
    Code.UNKNOWN_KEY: Advice(
        "The file is signed by a key that this box does not know.",
        "Check where the stick came from. Tell headquarters: the box may need a newer national package."),
    Code.DAMAGED_PAPER: Advice(
        "The file is incomplete or damaged. Nothing changed on the box.",
        "Copy the files of headquarters again, eject the stick from the computer before you pull it out, and try "
        "again."),
    Code.OTHER_BOX: Advice(
        "The file is for another box.",
        "Plug the stick into the right box: its serial stands on its label, and the serial asked for at the end of "
        "this result."),
    Code.OLD_NUMBER: Advice(
        "The box has used this file or a newer one already; a file works once.",
        "If the box works, there is nothing to do. Otherwise ask headquarters for a new file."),
    Code.EXPIRED: Advice(
        "The time in which the file counts is over.",
        "Ask headquarters for a new file. If the time below is wrong, tell them."),
    Code.NOT_YET_VALID: Advice(
        "The time in which the file counts has not begun.",
        "Compare the time below with your watch. If it is right, come back on the day the file begins to count; if "
        "not, tell headquarters."),
    Code.NONCE_UNKNOWN: Advice(
        "This answer belongs to no request of this box.",
        "Plug in the claim stick first, so that the box writes a new request, and send it to headquarters."),
    Code.NONCE_USED: Advice(
        "This permission to enrol was used already.",
        "Ask headquarters for a new one."),
    Code.OTHER_COUNTRY: Advice(
        "The file was made for another country.",
        "Check where the stick came from, and return it to headquarters."),
    Code.DOES_NOT_OPEN: Advice(
        "The box cannot open the file: it is encrypted to another key; the box's own may have been renewed.",
        "Plug in the claim stick, so that the box writes a new request, and ask headquarters for a new file."),
    Code.BAD_CONFIGURATION: Advice(
        "There is a mistake in the post's configuration; the box did not apply it and works on as before.",
        "Send the stick with this result to headquarters, so that they correct the configuration."),
    Code.BAD_CERTIFICATE: Advice(
        "The certificate does not belong to this box, to its key, or to the authority that comes with it.",
        "Send the stick with this result to headquarters, so that they issue a new certificate."),
    Code.UNEXPECTED_FILE: Advice(
        "The signed envelope holds a file that this version of the software does not know.",
        "Tell headquarters: the software of the box may have to be updated first."),
    Code.SELF_TEST_FAILED: Advice(
        "The new configuration was applied, but the self-test failed: the old state is back.",
        "The box works as before. Send the stick with this result to headquarters."),
    Code.TIME_LEAP: Advice(
        "The time in the file is too far from the last time that the box knows.",
        "Tell headquarters, and ask for a message of time that the root keys signed."),
    Code.UNSENT_ROWS: Advice(
        "The reset is refused: the box keeps records that headquarters has not acknowledged. They were written to "
        "the stick, sealed.",
        "Send the stick to headquarters, and repeat the reset when their acknowledgement has come."),
    Code.TOO_LARGE_PAPER: Advice(
        "The file is larger than the box accepts.",
        "Tell headquarters, and ask for a new file."),
    Code.NOT_ENROLLED: Advice(
        "This file completes a configuration, and the box has none yet.",
        "Ask headquarters for the first, complete file for this box."),
    Code.REVOKED: Advice(
        "Headquarters revoked this box or its certificate.",
        "Stop using the box, and call headquarters."),
    Code.CONFIGURED_BY_HAND: Advice(
        "This box was configured by hand (edge.toml): that configuration would outlive a reset, and win over an "
        "envelope's. Nothing was done.",
        "Have the box's administrator move edge.toml away and restart the box; then plug the stick in again."),
    Code.NUMBER_LEAP: Advice(
        "The file's number is far above the last one that the box took. It was refused; nothing on the box has "
        "changed.",
        "Do not use this stick again. Report this result to headquarters at once: a signing key may be stolen, or an "
        "old ledger was put back."),
    Code.TIME_BEHIND: Advice(
        "The box's time is ahead of the one in the file, and the file may not turn it back. Nothing has changed.",
        "Compare the time below with your watch. If it is right there is nothing to do. If it is ahead, ask "
        "headquarters for a time paper with --lower, signed by the root keys."),
    Code.LISTS_REFUSED: Advice(
        "The lists on the stick were refused. The box works on with the lists that it has.",
        "Ask headquarters for a newer stick, and send them this result."),
    Code.SOFTWARE_REFUSED: Advice(
        "The new software on the stick was refused. The box works on with the software that it has.",
        "Send this result to headquarters."),
    Code.NO_NATIONAL_PACKAGE: Advice(
        "The box has no national package: it does not know whom to obey.",
        "The box has to be prepared again with the national package: return it to headquarters."),
    Code.DISK_FULL: Advice(
        "The disk of the box is full; nothing new was kept.",
        "Connect the box to the network, so that it sends its records, or call headquarters."),
    Code.DISK_ERROR: Advice(
        "The disk of the box had an error.",
        "Restart the box once and plug the stick in again. If it happens again, tell headquarters: the box may "
        "have to be replaced."),
    Code.BOX_SILENT: Advice(
        "The software of the box did not answer in time.",
        "Wait five minutes and plug the stick in again. If it happens again, restart the box, then tell "
        "headquarters."),
    Code.FAULT: Advice(
        "The software itself had a fault. Nothing changed on the box.",
        "Send the stick with this result to headquarters."),
    Code.BUSY: Advice(
        "The box is busy with something that began before.",
        "Wait five minutes and plug the stick in again."),
}

TEXTS: Final[Mapping[str, Mapping[Code, Advice]]] = MappingProxyType({"ar": _AR, "fr": _FR, "en": _EN})

# The verdict as a word (first line of a RESULT file) and as a sentence (first line of its language).
VERDICTS: Final[Mapping[str, Mapping[Grade, tuple[str, str]]]] = MappingProxyType({
    "ar": {
        Grade.OK: ("تم", "تم كل شيء بنجاح."),
        Grade.PART: ("تم جزئياً", "تم جزء من العمل، ورُفض جزء: اقرأ ما يلي."),
        Grade.REFUSED: ("مرفوض", "رُفض ما على الذاكرة المحمولة، وبقي الجهاز كما كان."),
        Grade.FAULT: ("عطل", "في الجهاز نفسه عطل."),
    },
    "fr": {
        Grade.OK: ("TERMINÉ", "Tout a réussi."),
        Grade.PART: ("EN PARTIE", "Une partie est faite, une partie a été refusée : lisez ce qui suit."),
        Grade.REFUSED: ("REFUSÉ", "Le contenu de la clé USB a été refusé ; le boîtier est resté comme il était."),
        Grade.FAULT: ("PANNE", "Le boîtier lui-même a un problème."),
    },
    "en": {
        Grade.OK: ("DONE", "Everything succeeded."),
        Grade.PART: ("IN PART", "Some of it was done, some was refused: read on."),
        Grade.REFUSED: ("REFUSED", "What is on the stick was refused; the box is as it was."),
        Grade.FAULT: ("FAULT", "The box itself is not well."),
    },
})

# Labels of the facts in a RESULT file; the name of each language stands above its part.
LABELS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    "ar": {
        "language": "العربية", "colon": ": ", "code": "الرمز", "cause": "ماذا حدث", "step": "ماذا تفعل الآن",
        "serial": "الرقم التسلسلي للجهاز", "device": "اسم الجهاز", "site": "المركز",
        "sequence": "رقم آخر ملف إعدادات مطبّق", "certificate": "الشهادة صالحة حتى", "clock": "وقت الجهاز",
        "software": "إصدار البرنامج", "unsent": "سجلات لم تؤكد الإدارة المركزية استلامها",
        "audit": "سجل التدقيق (عدد القيود وبصمته)", "list": "قائمة (الاسم والإصدار والعمر)", "none": "لا يوجد",
        "unsure": "غير مؤكد", "sure": "مؤكد", "no_lists": "لا قوائم على الجهاز",
    },
    "fr": {
        "language": "Français", "colon": " : ", "code": "Code", "cause": "Ce qui s'est passé",
        "step": "Ce qu'il faut faire",
        "serial": "Numéro de série du boîtier", "device": "Nom du boîtier", "site": "Poste",
        "sequence": "Numéro du dernier fichier de configuration appliqué",
        "certificate": "Certificat valable jusqu'au", "clock": "Heure du boîtier", "software": "Version du logiciel",
        "unsent": "Enregistrements sans accusé de réception de la direction centrale",
        "audit": "Journal d'audit (lignes, empreinte)", "list": "Liste (nom, édition, âge)", "none": "aucun",
        "unsure": "incertaine", "sure": "sûre", "no_lists": "aucune liste sur le boîtier",
    },
    "en": {
        "language": "English", "colon": ": ", "code": "Code", "cause": "What happened", "step": "What to do now",
        "serial": "Serial of the box", "device": "Name of the box", "site": "Post",
        "sequence": "Number of the last configuration file applied", "certificate": "Certificate valid until",
        "clock": "Time of the box", "software": "Software version",
        "unsent": "Records that headquarters has not acknowledged", "audit": "Audit log (rows, head)",
        "list": "List (name, generation, age)", "none": "none", "unsure": "not certain", "sure": "certain",
        "no_lists": "no lists on the box",
    },
})
