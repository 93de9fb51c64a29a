"""Whether a mention of a label in a sentence is negated, in the languages that people prompt in.

Cues before the mention hold within its clause (NegEx: Chapman et al., 2001, without its limit of five words, since a
label that is wrongly thought negated is reported as missing, and one that is wrongly thought asserted as an answer).
Japanese, Korean, Turkish and Hindi negate behind the word.
"""

from __future__ import annotations

import re

CLAUSE_END = re.compile(
    r"[.;!?\n。；！？…:：|]+(?!\w)|(?<!\bnot)(?<!\bnicht),|[，、–—]|\s-\s|[\n。；！？]|"
    r"\b(?:(?<!anything\s)(?<!all\s)but|so|therefore|thus|hence|however|although|though|because|since|while|whereas|instead(?!\s+of)|sondern|aber|"
    r"mais|donc|sino|pero|sino|bensì|mas|maar|utan|а|но|поэтому)\b|而是|但是|但|却|卻|因此|所以|しかし|が、|하지만|지만",
    re.IGNORECASE,
)
BEFORE = re.compile(
    r"\b(?:not|cannot|no|never|neither|nor|without|isnt|arent|wasnt|dont|doesnt|hardly|barely|scarcely|rather\s+than|"
    r"instead\s+of|unlike|except|excluding|other\s+than|(?:anything|all)\s+but|(?:hard|difficult|impossible)\s+to|far\s+from|opposite\s+of|ruled?\s+out|excludes?|"
    r"lacks?|lacking|absence\s+of|fails?\s+to|nothing|nicht|kein\w*|weder|noch|ohne|nie|niemals|statt|anstatt|pas|ne|ni|"
    r"sans|jamais|aucune?|plutôt\s+que|non|sin|nunca|tampoco|ningún|não|nao|nem|sem|nunca|né|senza|niet|geen|inte|ej|icke|"
    r"ikke|ingen|ei|eivät|nie|není|není|nu|nem|не|ни|нет|без|ні|немає|не\s+является|δεν|δε|μη|όχι|ούτε|tidak|bukan|tanpa|"
    r"không|chẳng|و?ليس|و?ليست|غير|لا|لم|لن|לא|אין|אינו|אינה|בלי|नहीं|안|못)\b|n['’]t\b|n['’](?=est|était)|"
    r"(?:ไม่|ບໍ່|មិន)",
    re.IGNORECASE,
)
CHINESE_BEFORE = re.compile(r"[不非没沒無无未]|并非|並非|与其|與其|难以|難以")
PREFIX = re.compile(r"(?:[非不無未]|\b(?:비|불|반|무)|\b(?:non|anti)[\s-])\Z", re.IGNORECASE)
AFTER = re.compile(
    r"\A\W{0,3}(?:(?:is|was|are|would\s+be|seems|sounds|does|would|can|could|should|ist|wäre|est|es|é|è)\b\s*(?:certainly\s+|"
    r"clearly\s+|definitely\s+)?(?:not\b|n['’]t\b|nicht\b|pas\b|wrong|incorrect|false|inaccurate|unlikely|ruled\s+out|"
    r"excluded|falsch|faux|falso)|(?:is|was|are|does|would|ca|could|should|must)n['’]?t\b|cannot\b|"
    r"[:=?-]+\s*(?:no|false|nein|non|нет|否|✗|❌|0(?:\.0+)?)\b)",
    re.IGNORECASE,
)
AT_THE_END = re.compile(r"\b(?:nicht|niet|inte|ikke|pas)\W*\Z", re.IGNORECASE)  # of the mention's clause
POSTFIX = re.compile(
    r"な[いくかけ]|無[いく]|ありませ|ません|(?:言|思|考え|いえ)\w{0,3}(?:ず|ぬ)|아니|아닙|않|없|못|değil|नहीं|नही|नाही|না\b|নয়|নেই|"
    r"نہیں|نیست|இல்லை|அல்ல|కాదు|లేదు|ဘူး|\bnahi\b",
    re.IGNORECASE,
)
HARMLESS = re.compile(  # phrases with a word of negation that assert
    r"\b(?:there\s+is\s+)?no\s+(?:doubt|question)|without\s+(?:a\s+|any\s+)?(?:doubt|question)|not\s+(?:only|just|merely)|"
    r"nothing\s+but|none\s+other\s+than|nicht\s+nur|ohne\s+zweifel|sans\s+(?:aucun\s+)?doute|sin\s+duda|sem\s+dúvida|"
    r"senza\s+dubbio|не\s+только|без\s+сомнения|毫无疑问|毫無疑問|无疑|無疑|非常|不仅|不僅|不但|不只|不错|不錯|無論|无论|不管|不如说|不如說|"
    r"没问题|間違いな\w|違いな\w|間違いありません|틀림없",
    re.IGNORECASE,
)
ASIDE = re.compile(r"(?<=\bnot),[^,.;\n]{1,40},", re.IGNORECASE)  # between a negation and what it negates
KANA, HAN = re.compile(r"[\u3040-\u30ff]"), re.compile(r"[\u4e00-\u9fff]")


def is_negated(text: str, start: int, end: int, next_start: int) -> bool:
    """Whether the mention text[start:end] is negated, or part of a question.

    Args:
        next_start: Where the next mention of a label begins; the text's length without one.
    """
    plain = text
    for phrase in (HARMLESS, ASIDE):
        plain = phrase.sub(lambda match: " " * len(match[0]), plain)
    before = _last_clause(plain[:start])
    until = next((match for match in CLAUSE_END.finditer(plain, end)), None)
    clause_end = until.start() if until else len(plain)
    if until and until[0].lstrip().startswith(("?", "？")) and next_start >= until.start():
        return True
    after = plain[end : min(clause_end, next_start)]
    if AFTER.search(plain[end : min(next_start, end + 60)].split("\n")[0] if next_start > end + 3 else after):
        return True
    if next_start >= clause_end and AT_THE_END.search(after):  # else it negates the next mention
        return True
    if POSTFIX.search(after) or PREFIX.search(plain[:start]) or BEFORE.search(before):
        return True
    return (
        bool(HAN.search(text))
        and not KANA.search(before + text[start:end] + after)
        and bool(CHINESE_BEFORE.search(before))
    )


def _last_clause(text: str) -> str:
    ends = [match.end() for match in CLAUSE_END.finditer(text)]
    return text[ends[-1] :] if ends else text
