"""Words in capitals, by kind: initialisms, acronyms and plain words."""

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.rules import listed

SAID_AS = {
    "Xmas": "christmas",
    "SpO2": spell("SPO2"),
    "OK": "oh kay",
    "OKs": "oh kays",
    "Ok": "oh kay",
    "ok": "oh kay",
    "JPEG": "jay peg",
    "JPG": "jay peg",
    "JSON": "jason",
    "ASCII": "askey",
    "MySQL": f"my {spell('SQL')}",
    "PostgreSQL": f"postgress {spell('QL')}",
    "NoSQL": f"no {spell('SQL')}",
    "GitHub": "git hub",
    "WiFi": "why fye",
    "Wi-Fi": "why fye",
    "iOS": spell("IOS"),
    "iPadOS": f"{spell('I')} pad {spell('OS')}",
    "macOS": f"mac {spell('OS')}",
    "iPhone": f"{spell('I')} phone",
    "iPhones": f"{spell('I')} phones",
    "iPad": f"{spell('I')} pad",
    "iPads": f"{spell('I')} pads",
    "iTunes": f"{spell('I')} tunes",
    "iCloud": f"{spell('I')} cloud",
    "eBay": f"{spell('E')} bay",
    "arXiv": "archive",
    "LaTeX": "lay tech",
    "TL;DR": spell("TLDR"),
    "tl;dr": spell("TLDR"),
    "AITA": spell("AITA"),
    "PhD": spell("PHD"),
    "PhDs": f"{spell('PHD')}s",
    "Ph.D.": spell("PHD"),
    "MSc": spell("MSC"),
    "BSc": spell("BSC"),
    "C++": f"{spell('C')} plus plus",
    "C#": f"{spell('C')} sharp",
    "F#": f"{spell('F')} sharp",
    ".NET": "dot net",
    "pH": spell("PH"),
    "IoT": spell("IOT"),
    "LoRa": "lora",
    "VoIP": "voyp",
    "PCIe": spell("PCIE"),
    "SaaS": "sass",
    "PaaS": "pass",
    "mRNA": spell("MRNA"),
    "tRNA": spell("TRNA"),
    "eBook": f"{spell('E')} book",
    "LLaMA": "llama",
    "aka": "also known as",
    "AKA": "also known as",
    "a.k.a.": "also known as",
    "tv": spell("TV"),
    "FAQs": f"{spell('FAQ')}s",
    "CAPTCHA": "captcha",
    "LGBTQ+": f"{spell('LGBTQ')} plus",
    "LGBTQIA+": f"{spell('LGBTQIA')} plus",
    "YOLO": "yolo",
    "LOL": spell("LOL"),
    "WWI": "world war one",
    "WWII": "world war two",
    "WW1": "world war one",
    "WW2": "world war two",
    "LL.B.": spell("LLB"),
    "LL.M.": spell("LLM"),
    "LL.D.": spell("LLD"),
    "M.Sc.": spell("MSC"),
    "B.Sc.": spell("BSC"),
    "AC/DC": spell("ACDC"),
    "TCP/IP": spell("TCPIP"),
    "N/A": spell("NA"),
    "n/a": spell("NA"),
}
"""Words that no rule reads correctly."""

SPELLED = frozenset(
    listed(
        "AA AAA AARP ABA ABC ABS ACL ACLU ADA ADHD AI AKC ALS AM AMA AMC AMD AOL AP APA API APR "
        "APY AR ATM ATP ATV AUD AWS BA BAC BBC BBQ BC BCE BFF BIC BLT BMI BMW BMX BS BTS BTW CAD "
        "CBD CBO CBS CCTV CD CDC CDN CE CEO CET CFO CGI CHF CIA CIO CLI CMO CMS CNN CNY COO CPA "
        "CPI CPR CPU CRM CSI CSS CST CSV CT CTO CV DA DC DHCP DHS DIY DJ DMV DNA DNC DNS DOB DOE "
        "DOJ DOT DPI DSL DUI DVD DVR EBITDA EC ECB EDM EDT EEG EIN EKG EMS EMT EPA EPS ER ESA ESP "
        "ESPN EST ETA ETF EU EUR EV FA FAA FAQ FBI FCC FDA FDIC FDR FEC FFT FM FPS FTC FTP FYI "
        "GBP GDP GDPR GED GHG GI GM GMO GMT GNP GNU GOP GPA GPS GPT GPU GUI HBO HD HDMI HIV HMO "
        "HOA HP HPV HQ HR HTML HTTP HTTPS HVAC IBM ICU ID IDE IEEE IMF INR IO IOS IOU IP IPA IPO "
        "IQ IRA IRC IRS ISBN ISO ISP ISS IT IV IVF JFK JP JPY JS JVM KFC KGB KO KPI KRW LA LAPD "
        "LED LGBT LGBTQ LLC LLM LLP LOL LP LSD MBA MBTA MC MD MFA MIT MLB MLS MMA MO MP MPG MPH "
        "MRI MS MSG MTV MVP NAACP NBA NBC NC NCAA NDA NFC NFL NFT NGO NHL NHS NIH NPC NPR NRA NSA "
        "NSF NY NYC NYPD NYU OCD OCR OECD OEM OS OTC PA PBS PC PCR PDF PDT PE PGA PHP PJ PM PMS "
        "POV POW PR PS PSA PST PTA PTO PTSD PVC QA QR QVC RBI RCA RDF REM RFC RFID RGB RN RNA RNC "
        "ROI RPG RPM RSS RSVP RV SDK SEC SEO SFO SMS SOS SPF SQL SSD SSH SSL SSN STD SUV SVG TA "
        "TB TBA TBD TCP TLC TLS TMI TNT TOC TSA TV UAE UCLA UFC UFO UI UK UN UPC UPS URI URL US "
        "USA USAF USB USC USD USDA USPS USSR UTC UTF UUID UV UX VA VAT VC VFW VGA VIP VP VPN VR "
        "WBC WMD WTO WWE WWF WWI WWII WWW XML XP YMCA YTD"
    )
)
"""Initialisms that would otherwise be taken for words."""

AMONG_CAPITALS_WORDS = frozenset(listed("AM COD DOT ER ID IT IV LA LED MA MO PA RED US WHO"))
"""Initialisms that are words if the words around them are in capitals too."""

ACRONYMS = frozenset(
    listed(
        "AIDS ASEAN AWOL BASIC BERT BIOS CAPTCHA COBOL COVID CRISPR CRUD CUDA DARPA DOS DRAM "
        "EPROM FEMA FICO FIFA FUBAR GAN GIF HIPAA HUD IKEA IMAX JAVA LAN LASER LIDAR MADD MASH "
        "MENSA MIDI MIPS NAFTA NAND NAPA NAS NASA NASDAQ NATO NIMBY OPEC OSHA PETA PIN POTUS "
        "RADAR RAM REST ROM ROTC SARS SCOTUS SCUBA SIDS SIM SOAP SONAR SRAM SWAT TED TOML UEFA "
        "UNESCO UNICEF VISA WAN YAML YOLO ZIP"
    )
)
"""Initialisms pronounced as words."""

SHORT_WORDS = frozenset(
    listed(
        "AH AN AS AT BE BY DO GO HA HE HI IF IN IS ME MY NO OF OH ON OR SO TO UP WE YO ACE ACT "
        "ADA ADD ADO AGE AGO AID AIM AIR ALE ALI ALL AND ANN ANT ANY APE APP ARC ARE ARK ARM ART "
        "ASH ASK ATE AWE AXE BAD BAG BAH BAN BAR BAT BAY BED BEE BEG BEN BET BID BIG BIN BIO BIT "
        "BOB BOW BOX BOY BUD BUG BUN BUS BUT BUY BYE CAB CAN CAP CAR CAT COD COW COY CRY CUB CUE "
        "CUP CUT DAD DAM DAN DAY DEB DEN DEV DEW DID DIE DIG DIM DIP DOC DOE DOG DON DOT DRY DUE "
        "DUG DUO DYE EAR EAT EEK EEL EGG EGO ELF ELI ELK ELM END ERA EVE EYE FAD FAN FAR FAT FAX "
        "FED FEE FEW FIG FIN FIR FIT FIX FLU FLY FOE FOG FOR FOX FRY FUN FUR GAP GAS GAY GEL GEM "
        "GET GIN GIT GOD GOT GUM GUN GUT GUY GYM HAD HAM HAS HAT HAY HEN HER HEY HID HIM HIP HIS "
        "HIT HOG HOP HOT HOW HUG HUH HUM HUT IAN ICE ICY IDA ILL INK INN ION ITS IVY JAM JAN JAR "
        "JAW JAY JEN JET JIG JIM JOB JOE JOG JON JOY KAI KAY KEN KEY KID KIM KIN KIT LAB LAD LAG "
        "LAP LAW LAY LEE LEG LEO LET LIB LID LIE LIP LIT LIZ LOG LOT LOW MAC MAD MAN MAP MAT MAX "
        "MAY MEL MEN MET MIC MIX MOB MOM MOP MUD MUG NAH NAP NAY NED NEO NET NEW NIL NOD NOR NOT "
        "NOW NUN NUT OAK OAR ODD OFF OIL OLD ONE OUR OUT OWE OWL OWN PAD PAL PAN PAR PAT PAW PAY "
        "PEA PEN PER PET PEW PIE PIG PIN PIT POD POP POT POW PRO PUB PUP PUT RAG RAM RAN RAP RAT "
        "RAW RAY RED REX RIB RID RIG RIM RIP ROB ROD RON ROT ROW ROY RUB RUG RUM RUN RYE SAD SAL "
        "SAM SAT SAW SAY SEA SEE SET SEX SHE SHY SIN SIP SIR SIT SIX SKI SKY SLY SON SOW SPA SPY "
        "SUB SUE SUM SUN TAB TAD TAG TAN TAP TAR TAX TEA TED TEN THE TIE TIM TIN TIP TOE TOM TON "
        "TOO TOP TOW TOY TRY TUB TUG TWO UGH UMP URN USE VAL VAN VAT VET VEX VIA VIM VOW WAD WAR "
        "WAS WAX WAY WEB WED WEE WET WHO WHY WIG WIN WON WOW YAK YAM YAP YEP YES YET YOU YUM ZEN "
        "ZIP ZOO ALSO AREA AUTO AWAY BACK BEEN BOTH CALL CITY COME DATA DEAD DEAL DEAR DONE DOOR "
        "DOWN EACH EASY ELSE EVEN EVER EXIT FAIL FAST FILE FIND FIRE FIVE FOOD FOUR FREE FROM "
        "FULL GIVE GOOD HAVE HELP HERE HIGH HOLD HOME IDEA INTO ITEM JUST KEEP KNOW LAST LATE "
        "LESS LIKE LINE LIVE LONG LOOK LOVE MADE MAKE MANY MORE MOST MUCH MUST NAME NEAR NEED "
        "NEXT NINE NONE NOTE ONCE ONLY OPEN OVER PAGE PART PLAN PLAY PULL PUSH READ REAL REST "
        "ROAD ROOM SAFE SALE SAME SAVE SELL SEND SHOP SHOW SHUT SIDE SLOW SOLD SOME SOON STAY "
        "STEP STOP SURE TAKE TALK TEAM TELL TEST THAT THEM THEN THEY THIS TIME TODO TURN UNDO "
        "UNIT UPON VERY VOTE WAIT WALK WALL WANT WARM WEAR WEEK WELL WENT WERE WHAT WHEN WIDE "
        "WILL WITH WORD WORK YEAR YOUR ZERO"
    )
)
"""Short words often written in capitals for emphasis, in headings and on signs."""

INTERJECTIONS = frozenset(
    listed(
        "brr brrr grr grrr hm hmm hmmm ll mhm mm mmm nd nth pfft psst pst rd sh shh shhh ssh st "
        "th tsk ve zzz"
    )
)
"""Sounds and endings without a vowel that are not spelled."""

ONSETS = frozenset(
    listed(
        "bl br ch chl chr cl cr dr dw fl fr gh gl gn gr kh kl kn kr ll ng ph phr pl pr ps qu rh "
        "sc sch scl scr sh shr sk sl sm sn sp sph spl spr sq squ st str sv sw th thl thr thw tr "
        "tw wh wr zh"
    )
)
"""Consonant clusters that may begin an English word."""

CODAS = frozenset(
    listed(
        "bb bs bt ch ck cks ct dd ds dth ff ft fth gg gh ght ghth gm gn hm hn hr lb ld lf lfth lk "
        "ll lls lm ln lp lph lpt ls lsh lt lth ltz lv mb mn mp mpt mpts ms nc nce nch nct ncts nd "
        "nds ng ngs ngth nk nn ns nt nth nz ph pp ps pt pth rb rc rch rd rds rf rg rk rks rl rld "
        "rm rn rnt rp rps rpt rr rs rsh rst rt rth rtz rv sc sch sh sk sm sp ss st tch th thm ths "
        "ts tt tz wd wk wl wn ws wt wth x xt xth ys zz"
    )
)
"""Consonant clusters that may end an English word, without a plural's s."""
