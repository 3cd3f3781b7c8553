"""How often a medicine is taken: "q8h" -> "every eight hours", "BID" -> "twice a day"."""

import re

from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import LETTER, SIGN, any_of, before, rule

_DAILY = {
    "QD": "once a day",
    "BID": "twice a day",
    "TID": "three times a day",
    "QID": "four times a day",
    "PRN": "as needed",
    "prn": "as needed",
    "PO": "by mouth",
    "QHS": "at bedtime",
    "qHS": "at bedtime",
    "qhs": "at bedtime",
    "q.d.": "once a day",
    "b.i.d.": "twice a day",
    "t.i.d.": "three times a day",
    "q.i.d.": "four times a day",
    "p.r.n.": "as needed",
    "p.o.": "by mouth",
    "p.c.": "after meals",
    "a.c.": "before meals",
    "q.h.s.": "at bedtime",
    "qd": "once a day",
    "bid": "twice a day",
    "tid": "three times a day",
    "qid": "four times a day",
    "po": "by mouth",
}
_DOSE_BEFORE = re.compile(
    r"[0-9](?: ?(?:m?c?g|m[lL]|units?|U|tab(?:let)?s?\.?|cap(?:sule)?s?|drops?|puffs?|tsp|tbsp)"
    r"(?:/kg|/day)?)?\.?\)?"
    r"(?: (?:PO|IM|IV|SC|BID|TID|QID|daily|q[0-9-]{1,5}h|po|bid|tid|qid|[pbtq]\.(?:[io]\.)?d?\.?))"
    r"{0,2},? $"
)
_PERIODS = {"h": "hour", "d": "day", "wk": "week"}


def _every(match: re.Match[str]) -> str:
    low, high, period = match["low"], match["high"], _PERIODS[match["period"]]
    if low == "1" and not high:
        return f"every {period}"
    span = cardinal_words(low) + (f" to {cardinal_words(high)}" if high else "")
    return f"every {span} {period}s"


def _daily(match: re.Match[str]) -> str | None:
    return _DAILY[match[0]] if _DOSE_BEFORE.search(before(match)) else None


def _course(match: re.Match[str]) -> str | None:
    """x 7 days, ×10d"""
    if not _COURSE_BEFORE.search(before(match)):
        return None
    unit = {"d": "day", "wk": "week", "w": "week"}.get(match["unit"], match["unit"])
    return f"for {cardinal_words(match['count'])} {unit}{'' if match['count'] == '1' else 's'}"


_COURSE_BEFORE = re.compile(
    r"\b(?:[pbtqa]\.[iorhc]\.(?:[dns]\.)?|day|daily|BID|TID|QID|PRN|prn|PO|[Qq][0-9]{1,2}[hd]|hours|bedtime|night|meals?|needed)"
    r",? ?$"
)

RULES = (
    rule(
        r"[xX×] ?(?P<count>[0-9]{1,2}) ?(?P<unit>day|week|month|d|wk|w)s?(?![A-Za-z0-9])",
        _course,
        LETTER,
        SIGN,
    ),
    rule(
        r"(?<![A-Za-z0-9])[qQ](?P<low>[0-9]{1,2})(?:-(?P<high>[0-9]{1,2}))?(?P<period>h|d|wk)"
        r"(?![A-Za-z0-9])",
        _every,
        LETTER,
    ),
    rule(rf"(?:{any_of(' '.join(_DAILY))})(?![A-Za-z0-9])", _daily, LETTER),
)
