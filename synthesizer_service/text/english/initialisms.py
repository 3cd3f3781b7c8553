"""Words in capitals: spelled by letter names (FBI), said as a word (NASA, STOP), or something else."""

import re

from synthesizer_service.text.english.letters import LETTER_NAMES, spell
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, after, any_of, before, rule

SAID_AS = {
    "OK": "okay",
    "OKs": "okays",
    "ok": "okay",
    "JPEG": "jay peg",
    "JPG": "jay peg",
    "JSON": "jason",
    "ASCII": "askey",
    "MySQL": "my ess cue ell",
    "PostgreSQL": "postgress cue ell",
    "NoSQL": "no ess cue ell",
    "GitHub": "git hub",
    "WiFi": "why fye",
    "Wi-Fi": "why fye",
    "iOS": "eye oh ess",
    "iPadOS": "eye pad oh ess",
    "macOS": "mac oh ess",
    "iPhone": "eye phone",
    "iPhones": "eye phones",
    "iPad": "eye pad",
    "iPads": "eye pads",
    "iTunes": "eye tunes",
    "iCloud": "eye cloud",
    "eBay": "ee bay",
    "LaTeX": "lay tech",
    "PhD": "pee aitch dee",
    "PhDs": "pee aitch dees",
    "Ph.D.": "pee aitch dee",
    "MSc": "em ess see",
    "BSc": "bee ess see",
    "C++": "see plus plus",
    "C#": "see sharp",
    "F#": "eff sharp",
    ".NET": "dot net",
    "pH": "pee aitch",
    "IoT": "eye oh tee",
    "LoRa": "lora",
    "VoIP": "voyp",
    "SaaS": "sass",
    "PaaS": "pass",
    "IaaS": "eye ass",
    "mRNA": "em ar en ay",
    "tRNA": "tee ar en ay",
    "eBook": "ee book",
    "LLaMA": "llama",
    "aka": "also known as",
    "AKA": "also known as",
    "a.k.a.": "also known as",
    "tv": "tee vee",
    "mL": "milliliters",
    "FAQs": "eff ay cues",
    "CAPTCHA": "captcha",
    "LGBTQ+": "ell jee bee tee cue plus",
    "LGBTQIA+": "ell jee bee tee cue eye ay plus",
    "YOLO": "yolo",
    "LOL": "ell oh ell",
    "24/7": "twenty-four seven",
    "WWI": "world war one",
    "WWII": "world war two",
    "WW1": "world war one",
    "WW2": "world war two",
    "M.Sc.": "em ess see",
    "B.Sc.": "bee ess see",
    "AC/DC": "ay see dee see",
    "TCP/IP": "tee see pee eye pee",
    "N/A": "en ay",
    "n/a": "en ay",
}

# Initialisms that could be words, or stand among words in capitals.
_SPELLED = frozenset(
    "AA AAA AARP ABA ABC ABS ACL ACLU ADA ADHD AI AKC ALS AM AMA AMC AMD AOL APA API APR APY AR ARM ATM "
    "ATP ATV AUD AWS BA BAC BBC BBQ BC BCE BFF BIOS BLT BMI BMW BMX BS BTS BTW CAD CBD CBO CBS CCTV "
    "CD CDC CDN CE CEO CET CFO CGI CHF CIA CIO CLI CMO CMS CNN CNY COD COO CPA CPI CPR CPU CRM CSI CSS CST "
    "CSV CT CTO CV DA DC DDoS DHCP DHS DIY DJ DMV DNA DNC DNS DOB DOE DOJ DOS DOT DPI DSL DUI DVD DVR EBITDA "
    "EC ECB EDM EDT EEG EIN EKG EMS EMT EPA EPS ER ESP ESPN ESPN EST ETA ETF EU EUR EV FA FAA FAQ FBI FCC FDA "
    "FDIC FDR FEC FFT FM FPS FTC FTP FYI GBP GDP GDPR GED GHG GI GM GMO GMT GNP GNU GOP GPA GPS GPT GPU GUI "
    "HBO HD HDMI HIV HMO HOA HP HPV HQ HR HTML HTTP HTTPS HUD HVAC IBM ICU ID IDE IEEE IMF INR IO IOU IP IPA IPO "
    "IQ IRA IRC IRS ISBN ISO ISP ISS IT IV IVF JFK JP JPY JS JVM KFC KGB KO KPI KRW LA LAPD LED LGBT LGBTQ LLC LLM "
    "LLP LOL LP LSD MBA MBTA MC MD MFA MIT MLB MLS MMA MO MP MPG MPH MRI MS MSG MTV MVP NAACP NBA NBC NC "
    "NCAA NDA NFC NFL NFT NGO NHL NHS NIH NPC NPR NRA NSA NSF NY NYC NYPD NYU OCD OCR OECD OEM OS OTC PA PBS PC "
    "PCR PDF PDT PE PGA PHP PIN PJ PM PMS POV POW PR PS PSA PST PTA PTO PTSD PVC QA QR QVC RBI RCA RDF REM RFC "
    "RFID RGB RIP RN RNA RNC ROI ROTC RPG RPM RSS RSVP RV SDK SEC SEO SFO SIDS SMS SOS SPF SQL SSD SSH SSL "
    "SSN STD SUV SVG TA TB TBA TBD TCP TED TLC TLS TMI TNT TOC TSA TV UAE UCLA UFC UFO UI UK UN UPC UPS URI URL "
    "US USA USAF USB USC USD USDA USPS USSR UTC UTF UV UX VA VAT VC VFW VGA VIP VISA VP VPN VR WBC WHO WMD WTO WWE WWF WWI "
    "WWII WWW XML XP YMCA YTD ZIP".split()
) - {"ARM", "PIN", "BIOS", "DOS", "ROTC", "SIDS", "TED", "VISA", "ZIP", "DDoS", "RIP", "COD", "WHO", "HUD"}

# Short words that are written in capitals for emphasis, in headings and on signs.
_SHORT_WORDS = frozenset(
    "ACE ACT ADD ADO AGE AGO AID AIM AIR ALE ALL AND ANT ANY APE ARC ARE ARK ARM ART ASH ASK ATE AWE AXE BAD BAG "
    "BAN BAR BAT BAY BED BEE BEG BET BID BIG BIN BIT BOB BOW BOX BOY BUD BUG BUN BUS BUT BUY BYE CAB CAN "
    "CAP CAR CAT COD COW COY CRY CUB CUE CUP CUT DAD DAM DAY DEN DEW DID DIE DIG DIM DIP DOE DOG DOT DRY DUE DUG "
    "DUO DYE EAR EAT EEL EGG EGO ELF ELK ELM END ERA EVE EYE FAD FAN FAR FAT FED FEE FEW FIG FIN FIR FIT FIX "
    "FLU FLY FOE FOG FOR FOX FRY FUN FUR GAP GAS GAY GEL GEM GET GIN GOD GOT GUM GUN GUT GUY GYM HAD HAM HAS HAT "
    "HAY HEN HER HEY HID HIM HIP HIS HIT HOG HOP HOT HOW HUG HUT ICE ICY ILL INK INN ION ITS IVY JAM JAR JAW "
    "JET JIG JOB JOG JOY KEY KID KIN KIT LAB LAD LAG LAP LAW LAY LEG LET LID LIE LIP LIT LOG LOT LOW MAD MAN MAP "
    "MAT MAX MAY MEN MET MIX MOB MOM MOP MUD MUG NAP NET NEW NIL NOD NOR NOT NOW NUN NUT OAK OAR ODD OFF OIL "
    "OLD ONE OUR OUT OWE OWL OWN PAD PAL PAN PAR PAT PAW PAY PEA PEN PET PIE PIG PIN PIT POD POP POT PRO PUB "
    "PUP PUT RAG RAM RAN RAP RAT RAW RAY RED RIB RID RIG RIM RIP ROB ROD ROT ROW RUB RUG RUM RUN RYE SAD SAT SAW SAY "
    "SEA SEE SET SEX SHE SHY SIN SIP SIR SIT SIX SKI SKY SLY SON SOW SPA SPY SUB SUM SUN TAB TAG TAN TAP TAR TAX TEA TEN "
    "THE TIE TIN TIP TOE TON TOO TOP TOW TOY TRY TUB TUG TWO USE VAN VET VIA VOW WAR WAS WAX WAY WEB WED WEE WET WHO WHY "
    "WIG WIN WON WOW YAM YES YET YOU ZIP ZOO AH AN AS AT BE BY DO GO HA HE HI IF IN IS ME MY NO OF OH ON OR SO TO UP "
    "WE YO ALSO AREA AUTO AWAY BACK BEEN BOTH CALL CITY COME DATA DEAD DEAL DEAR DONE DOOR DOWN EACH EASY ELSE EVEN EVER "
    "EXIT FAIL FAST FILE FIND FIRE FIVE FOOD FOUR FREE FROM FULL GIVE GOOD HAVE HELP HERE HIGH HOLD HOME IDEA INTO ITEM "
    "JUST KEEP KNOW LAST LATE LESS LIKE LINE LIVE LONG LOOK LOVE MADE MAKE MANY MORE MOST MUCH MUST NAME NEAR NEED NEXT NINE NONE "
    "NOTE ONCE ONLY OPEN OVER PAGE PART PLAN PLAY PULL PUSH READ REAL REST ROAD ROOM SAFE SALE SAME SAVE SELL SEND SHOP SHOW SHUT "
    "SIDE SLOW SOLD SOME SOON STAY STEP STOP SURE TAKE TALK TEAM TELL TEST THAT THEM THEN THEY THIS TIME TODO TURN UNDO UNIT "
    "UPON VERY VOTE WAIT WALK WALL WANT WARM WEAR WEEK WELL WENT WERE WHAT WHEN WIDE WILL WITH WORD WORK YEAR YOUR ZERO".split()
)
_ACRONYMS = frozenset(  # initialisms that are said as words
    "NASA NATO UNESCO UNICEF OPEC FIFA UEFA NAFTA ASEAN AIDS RAM ROM LAN WAN SIM PIN GIF SWAT SCUBA RADAR LASER "
    "COVID SARS YAML TOML NASDAQ FEMA OSHA POTUS SCOTUS PETA IKEA NAPA BIOS DOS CRUD REST SOAP GAN "
    "NAND JAVA CUDA BERT MIDI VISA SIDS TED ZIP FUBAR AWOL NIMBY CAD MASH LIDAR SONAR FICO HIPAA COBOL BASIC "
    "NAS DRAM SRAM EPROM IMAX DARPA MIPS SIDS ROTC MADD MENSA HUD UX-ray".split()
) - {"UX-ray", "CAD"}

_VOWELS = frozenset("aeiouy")
_INTERJECTIONS = frozenset(
    "hm hmm hmmm mm mmm mhm shh shhh sh psst pst brr brrr pfft tsk nth zzz grr grrr ssh th st nd rd ll ve".split()
)
_ONSETS = frozenset(
    "bl br ch cl cr dr dw fl fr gh gl gr kl kn kr ph pl pr qu rh sc sch scr sh shr sk sl sm sn sp spl "
    "spr squ st str sw th thr tr tw wh wr".split()
)
_CODAS = frozenset(
    "ch ck ct ft ght gh gn ld lf lk ll lm lp ls lt lth mb mn mp nce nch nd ng nk ns nt nth ph pt rb rc rch rd rf rg rk rl rm "
    "rn rp rs rsh rst rt rth sh sk sm sp ss st tch th ths ts tt wl wn ws x xt zz ff cks lls ngs nds rds rks ds ps bs ms ys".split()
)
_SHAPE = re.compile(r"([b-df-hj-np-tv-z]*)[aeiouy].*?([b-df-hj-np-tv-xz]*)$", re.DOTALL)


def pronounceable(word: str) -> bool:
    """Whether lower-case `word` begins and ends as an English word may; it needs a vowel."""
    shape = _SHAPE.match(word[:40])
    if shape is None:
        return False
    first, last = shape.groups()
    ends_well = len(last) < 2 or last in _CODAS or (last[-1] == "s" and last[:-1] in _CODAS)
    return ends_well and (len(first) < 2 or first in _ONSETS)


def word_or_letters(word: str) -> str:
    """A part of an address or a code: "test" is a word, "pdf" and "q" are letters."""
    lower = word.lower()
    if said := SAID_AS.get(word) or SAID_AS.get(word.upper()):
        return said
    spelled = len(lower) == 1 or lower.upper() in _SPELLED - _SHORT_WORDS
    return spell(lower) if spelled or (len(lower) < 4 and not pronounceable(lower)) else lower


def _special(match: re.Match[str]) -> str:
    return SAID_AS[match[0]]


def _capitals(match: re.Match[str]) -> str | None:
    """A word of two capitals or more, with a plural s or a possessive."""
    word, ending = match["word"], match["ending"] or ""
    if not is_spelled(word, before(match), after(match)):
        return f"{word.lower()}{ending.lower()}"
    return f"{spell(word)}{ending.lower()}"


def is_spelled(word: str, lead: str, rest: str) -> bool:
    """Whether `word`, in capitals, is read letter by letter, between `lead` and `rest`."""
    if word in _ACRONYMS:
        return False
    among_capitals = _in_capitals(lead, rest)
    if word in _SPELLED and not (among_capitals and word in _WORDS_AMONG_CAPITALS):
        return True
    if word in _SHORT_WORDS:
        return False
    lower = word.lower()
    if len(word) > 5 or among_capitals:
        return len(word) <= 6 and not pronounceable(lower) and lower not in _INTERJECTIONS
    if len(word) <= 3:
        return True
    return not pronounceable(lower)


_WORDS_AMONG_CAPITALS = frozenset("US IT AM WHO RED ID ER LA MO LED COD DOT IV PA MA".split())
_WORD_BEFORE = re.compile(r"([A-Za-z]+)[^A-Za-z]{1,4}$")
_WORD_AFTER = re.compile(r"[^A-Za-z]{1,4}([A-Za-z]+)")


def _in_capitals(lead: str, rest: str) -> bool:
    """Whether the words around are in capitals and at least one is no initialism: a headline."""
    found = (_WORD_BEFORE.search(lead), _WORD_AFTER.match(rest))
    words = [match[1] for match in found if match]
    plain = [word for word in words if len(word) > 1]
    return bool(plain) and all(w.isupper() for w in plain) and any(
        w not in _SPELLED and (w in _SHORT_WORDS or len(w) > 3) and pronounceable(w.lower())
        for w in plain
    )


def _dotted(match: re.Match[str]) -> str | None:
    """U.S., J.R.R.; a.m. and p.m. are RTVC's."""
    if re.fullmatch(r"[AaPp]\.[Mm]\.", match[0]):
        return match[0].lower()
    return spell(match[0])


def _single(match: re.Match[str]) -> str | None:
    """A letter on its own: a name's initial, a plan's or a vitamin's letter; not "a" and "I"."""
    letter, lead, rest = match["letter"], before(match), after(match)
    if letter in "Ii":
        return "eye" if _alone(lead, rest) else letter.lower()
    if letter in "Aa":
        return "ay" if _is_letter_a(letter, lead, rest) else "a"
    if letter.islower() and (lead.endswith("'") or rest.startswith("'")):
        return None  # rock 'n' roll
    return LETTER_NAMES[letter.lower()]


def _alone(lead: str, rest: str) -> bool:
    return not lead.strip(" \"'(") and not rest.strip(" \"'.!?,;:)")


def _is_letter_a(letter: str, lead: str, rest: str) -> bool:
    if not re.search(r"[A-Za-z0-9]", lead) and not re.search(r"[A-Za-z0-9]", rest):
        return True  # nothing but "A."
    if re.match(r" ?[<>=≤≥≠≈+*/^]", rest) or re.search(r"[<>=≤≥≠≈+*/^] ?$", lead):
        return True  # a < b
    if not re.match(r" [\"'(]?[A-Za-z0-9]", rest):
        return letter == "A" and not re.match(r"['.-]?\w", rest) or rest.startswith("-")
    sentence_start = not lead.strip(" \"'(-") or re.search(r"[.!?:;\"-] *[\"'(]*$", lead)
    return letter == "A" and not sentence_start and not _in_capitals(lead, rest)


SPECIAL_RULES = (
    rule(  # a grade
        r"(?<![A-Za-z0-9])(?P<grade>[A-F])(?P<sign>[+-])(?=[ .,;!?)]|$)",
        lambda match: f"{spell(match['grade'])} {'plus' if match['sign'] == '+' else 'minus'}",
        LETTER,
    ),
    rule(r"[A-Z]{1,3}&[A-Z]{1,3}(?![A-Za-z0-9])",
         lambda match: " and ".join(map(spell, match[0].split("&"))), LETTER),
    rule(
        rf"(?<![A-Za-z0-9])(?:{any_of(' '.join(SAID_AS))})(?![A-Za-z0-9+#]|'[a-z])",
        _special,
        LETTER,
        DIGIT,
        SIGN,
    ),
)
RULES = (
    rule(
        r"(?:[A-Za-z]\.){2,8}(?:[A-Za-z](?![A-Za-z0-9]))?(?![A-Za-z0-9])", _dotted, LETTER
    ),
    rule(r"(?<![A-Za-z0-9'])(?P<letter>[A-Z])\.(?= ?[A-Z]\.|(?: [A-Z][a-z]))",
         lambda m: LETTER_NAMES[m["letter"].lower()] if not re.search(r"[.!?] $", before(m)) or m["letter"] not in "AI" else LETTER_NAMES[m["letter"].lower()], LETTER),
    rule(r"(?<![A-Za-z0-9'])(?P<letter>[A-Za-z])(?![A-Za-z0-9]|'[A-Za-z])", _single, LETTER),
    rule(r"(?P<word>[A-Z]{2,6})(?P<ending>'?s)?(?![A-Za-z0-9])", _capitals, LETTER),
    rule(
        r"(?P<word>[b-df-hj-np-tv-xz]{2,5})(?![A-Za-z0-9']|\.[a-z])",
        lambda match: None if match["word"] in _INTERJECTIONS else spell(match["word"]),
        LETTER,
    ),
)
