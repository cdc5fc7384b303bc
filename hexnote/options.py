"""The command line as one table: the parser and the help are made from it.

Each row says an option once; what is made for readers elsewhere (README, a manual page, completions) is
held against the same table by tests.
"""

from __future__ import annotations

from hexnote.hints import Dict, List, Optional, Sequence, Tuple, Union
from hexnote.tuples import NamedTuple

Setting = Union[bool, str, int, None]


class Option(NamedTuple):
    """One option of the command line."""

    key: str  # its name in Options
    names: Tuple[str, ...]  # as typed, the short one first
    value: str  # what stands for its argument in the help; "" for a switch
    help: str
    section: str
    choices: Tuple[str, ...] = ()
    number: Tuple[int, int] = (0, 0)  # least and largest value of an integer
    job: bool = False  # one of the jobs of which there can be one at a time


SECTIONS = ("What to print", "How to print it", "Help")

TABLE = (
    Option("to", ("-t", "--to"), "FORMAT", "output: text, html or markdown (a walkthrough), json (JSON Lines) or "
           "pcapng (a capture file, notes as comments); without it, taken from the ending of -o, else text", SECTIONS[0],
           choices=("text", "markdown", "html", "json", "pcapng"), job=True),
    Option("template", ("--template",), "FOLDER", "words and forms of your own for html and markdown, in place of those "
           "that the package has", SECTIONS[1]),
    Option("strip", ("--strip",), "", "take the annotations out again", SECTIONS[0], job=True),
    Option("summary", ("--summary",), "", "a line per record and message, then the findings", SECTIONS[0], job=True),
    Option("diagnose", ("--diagnose",), "", "a verdict on each connection and its findings, nothing else; exit status 1 when one "
           "is an error", SECTIONS[0], job=True),
    Option("explain", ("--explain",), "CODE", "what a finding means, how it is known, what to do; list: all codes",
           SECTIONS[0], job=True),
    Option("field", ("--field",), "PATH", "just the values that a path of the JSON output selects, FILE:packet: before each; "
           "[*] stands for every number", SECTIONS[0], job=True),
    Option("keylog", ("--keylog",), "FILE", "decrypt with the secrets of a key log (SSLKEYLOGFILE); needs "
           "pip install hexnote[keys]", SECTIONS[0]),
    Option("compare", ("--compare",), "", "two traces, a good one and a bad one: the first difference that matters, and all others",
           SECTIONS[0], job=True),
    Option("redact", ("--redact",), "", "the trace with stand-ins for addresses, names, keys and data: it may be sent out",
           SECTIONS[0], job=True),
    Option("worksheet", ("--worksheet",), "", "exercises from the trace, as Markdown, or a page with --to html", SECTIONS[0],
           job=True),
    Option("answers", ("--answers",), "", "the key to the worksheet: answers, bytes, and the way to them", SECTIONS[0], job=True),
    Option("grade", ("--grade",), "", "marks filled worksheets; each carries its trace", SECTIONS[0], job=True),
    Option("check", ("--check",), "", "an article with dumps in it: which of its statements do its bytes bear out?", SECTIONS[0],
           job=True),
    Option("output", ("-o", "--output"), "FILE", "write FILE instead of standard output, whole or not at all",
           SECTIONS[0]),
    Option("keep", ("--keep",), "KINDS", "with --redact, what stays, joined by commas: addresses, names, randoms, sessions, "
           "tickets, keys, payload, prose", SECTIONS[1]),
    Option("key", ("--key",), "TEXT", "with --redact: one key gives the same stand-ins in every trace (else the trace is its key)",
           SECTIONS[1]),
    Option("level", ("--level",), "N", "with --worksheet and --answers: how hard, 1 to 3 (else 3, which has all)", SECTIONS[1],
           number=(1, 3)),
    Option("seed", ("--seed",), "N", "with --worksheet and --answers: another sheet for each number (else 1)", SECTIONS[1],
           number=(0, 999999999)),
    Option("depth", ("--depth",), "DEPTH", "normal (the default), or full: every node of certificates and lists", SECTIONS[1],
           choices=("normal", "full")),
    Option("headers", ("--headers",), "", "notes on the IP and TCP headers of every packet, not the first alone",
           SECTIONS[1]),
    Option("at", ("--at",), "TIME", "the date for certificate checks where the trace has none (2026-10-25, or with a "
           "time: 2026-10-25T12:00Z)", SECTIONS[1]),
    Option("width", ("--width",), "N", "columns that annotations may take, 40 at least (else the terminal's, else 100)",
           SECTIONS[1], number=(1, 10000)),
    Option("color", ("--color",), "WHEN", "auto (a terminal, unless NO_COLOR is set or TERM=dumb), always or never",
           SECTIONS[1], choices=("auto", "always", "never")),
    Option("help", ("-h", "--help"), "", "show this and leave", SECTIONS[2]),
    Option("version", ("--version",), "", "show the version and leave", SECTIONS[2]),
)  # fmt: skip

USAGE = "hexnote [OPTIONS] [TRACE ...]"

EXAMPLES = (
    ("hexnote trace.txt", "annotate a pasted dump"),
    ("tcpdump -lnX port 443 | hexnote", "annotate live"),
    ("tcpdump -nX -r trace.pcap | hexnote --summary", "the handshake on one screen"),
    ("hexnote --keylog keys.log trace.txt", "with what SSLKEYLOGFILE's secrets decrypt"),
    ("hexnote --diagnose trace.txt", "who broke it: verdicts and findings"),
    ("hexnote trace.txt | hexnote --strip", "the dump again, byte for byte"),
    ("hexnote -o trace.html trace.txt", "a walkthrough: every step, why, and every byte"),
    ("hexnote -o trace.json trace.txt", "JSON Lines, for programs"),
    ("hexnote --compare good.txt bad.txt", "what differs, and matters"),
    ("hexnote --redact trace.txt", "the trace without what names anybody"),
    ("hexnote --field server_hello.cipher_suite *.txt", "what the servers chose"),
)


class UsageError(Exception):
    """A mistake on the command line, told in one line."""


class Options:
    """What the command line says, with defaults."""

    def __init__(self) -> None:
        self.to: Optional[str] = None
        self.strip = False
        self.template: Optional[str] = None
        self.keylog: Optional[str] = None
        self.summary = False
        self.diagnose = False
        self.field: Optional[str] = None
        self.check = False
        self.compare = False
        self.redact = False
        self.worksheet = False
        self.answers = False
        self.grade = False
        self.level: Optional[int] = None
        self.seed: Optional[int] = None
        self.keep: Optional[str] = None
        self.key: Optional[str] = None
        self.output: Optional[str] = None
        self.depth = "normal"
        self.headers = False
        self.width: Optional[int] = None
        self.explain: Optional[str] = None
        self.at: Optional[str] = None
        self.color = "auto"
        self.help = False
        self.version = False
        self.traces: List[str] = []


def _by_name() -> Dict[str, Option]:
    return {name: option for option in TABLE for name in option.names}


def _unknown(name: str, names: Sequence[str]) -> UsageError:
    """What to say of an option that is none, with the one that was perhaps meant."""
    import difflib

    near = [n for n in names if len(name) > 3 and n.startswith(name)] or difflib.get_close_matches(name, names, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return UsageError(f"no option {name}{hint}; hexnote --help lists them")


def _checked(option: Option, name: str, text: str) -> Setting:
    """The argument of an option, as its row of the table wants it. Raises UsageError."""
    if option.choices and text not in option.choices:
        raise UsageError(f"{name} {text}: it is one of {', '.join(option.choices)}")
    if option.number != (0, 0):
        least, most = option.number
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise UsageError(f"{name} {text}: it is a whole number from {least} to {most}")
        return int(text)
    if not text:
        raise UsageError(f"{name} needs a {option.value} that is not empty")
    return text


def moment(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 date, with or without a time of day; UTC unless it says. Raises UsageError."""
    import calendar
    import re

    found = re.match(
        r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$", text, re.I
    )
    if found is not None:
        *parts, zone = found.groups()
        year, month, day, hour, minute, second = (int(p or 0) for p in parts)
        days = calendar.monthrange(max(year, 1), month)[1] if 1 <= month <= 12 else 0
        if 1 <= day <= days and hour < 24 and minute < 60 and second <= 60:
            at = calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0))
            if zone and zone[0] in "+-":
                digits = zone[1:].replace(":", "").ljust(4, "0")
                shift = 3600 * int(digits[:2]) + 60 * int(digits[2:])
                at -= shift if zone[0] == "+" else -shift
            return float(at)
    raise UsageError(f"--at {text}: it is a date as in 2026-10-25 or 2026-10-25T12:00:00Z (ISO 8601, UTC unless it says)")


_GRADED = ", and a sheet that is marked carries its own"


def parse(argv: Sequence[str]) -> Options:
    """Options from the arguments after the program's name.

    The usual rules: `--name=VALUE` or `--name VALUE`, `-oVALUE` or `-o VALUE`, switches joined behind one
    dash, `--` before names that begin with a dash, `-` for standard input, options anywhere, the last
    of a kind wins. Raises UsageError.
    """
    made = Options()
    given: List[Tuple[Option, str]] = []
    names: Optional[Dict[str, Option]] = None
    waiting = list(reversed(argv))
    while waiting:
        word = waiting.pop()
        if word == "--":
            made.traces += reversed(waiting)
            break
        if not word.startswith("-") or word == "-":
            made.traces.append(word)
            continue
        if names is None:
            names = _by_name()
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        option = names.get(name)
        if option is None:
            raise _unknown(name, list(names))
        given.append((option, name))
        if not option.value:
            if equals:
                raise UsageError(f"{name} takes no value")
            if value:
                waiting.append("-" + value)
            setattr(made, option.key, True)
            continue
        if not equals and not value:
            if not waiting:
                raise UsageError(f"{name} needs a {option.value}")
            value = waiting.pop()
        setattr(made, option.key, _checked(option, name, value))
    jobs = {o.key: name for o, name in given if o.job and not (o.key == "to" and made.to == "text")}
    if jobs.keys() & {"worksheet", "answers"} and made.to in ("markdown", "html"):
        jobs.pop("to", None)  # a sheet may be either
    if len(jobs) > 1:
        raise UsageError(f"{' and '.join(jobs.values())} are two jobs: run hexnote once for each")
    if made.help or made.version:
        return made
    for option, name in given:
        # Whoever says what is to stay takes the rest for replaced.
        if option.key in ("keep", "key") and not made.redact:
            raise UsageError(f"{name} goes with --redact, and without it nothing is replaced: hexnote --redact {name} ...")
        if option.key in ("level", "seed") and not (made.worksheet or made.answers):
            raise UsageError(f"{name} goes with --worksheet or --answers{_GRADED if made.grade else ''}")
        if option.key == "template" and job_name(made) not in ("html", "markdown"):
            if not (made.worksheet or made.answers):
                raise UsageError(f"{name} goes with html and markdown: hexnote {name} FOLDER -o trace.html TRACE")
            if not pages(made):
                raise UsageError(f"{name} goes with a worksheet as a page: --to html")
    return made


# What the ending of the output file asks for.
_ENDINGS = {
    "json": "json", "jsonl": "json", "ndjson": "json", "pcapng": "pcapng", "ntar": "pcapng", "md": "markdown",
    "markdown": "markdown", "html": "html", "htm": "html",
}  # fmt: skip
# Endings of what other programs make: nobody wants text in such a file.
_FOREIGN = frozenset((
    "pdf", "doc", "docx", "odt", "rtf", "tex", "epub", "csv", "tsv", "xls", "xlsx", "xml", "yaml", "yml", "svg", "png", "jpg",
    "jpeg", "gif", "pcap", "cap", "gz", "zip",
))  # fmt: skip
# Jobs whose output is text of hexnote's own, and none of the formats that an ending may ask for.
_PLAIN = ("summary", "diagnose", "field", "grade", "check", "compare")
_JOBS = (*_PLAIN, "strip", "redact", "worksheet", "answers")


def job_name(options: Options) -> str:
    """Which job the options ask for: "strip", "summary", "diagnose", "json" or "text"."""
    for name in _JOBS:
        if getattr(options, name):
            return name
    return options.to or _ENDINGS.get(_ending(options), "text")


def pages(options: Options) -> bool:
    """Whether worksheets are pages."""
    return (options.to or _ENDINGS.get(_ending(options))) == "html"


def _ending(options: Options) -> str:
    return (options.output or "").lower().rpartition(".")[2]  # a name without a point is its own ending


def other_kind(options: Options) -> str:
    """What to say of an output file whose ending promises what does not come; "": nothing. Whoever says --to has chosen."""
    ending, name = _ending(options), job_name(options)
    if options.to is not None or options.explain is not None:
        return ""
    if ending in _FOREIGN and "." in str(options.output) and name not in ("strip", "redact"):  # those give the user's own text
        kind = ("HTML" if pages(options) else "Markdown") if name in ("worksheet", "answers") else "text"
        hint = "-o x.html makes a page, which browsers print as PDF" if ending == "pdf" else "--help lists what it does"
        return f"{options.output} gets {kind}: hexnote makes no {ending} ({hint})"
    if name in _PLAIN and _ENDINGS.get(ending, "markdown") != "markdown":
        return f"{options.output} gets text: --{name} makes no {ending}"
    return ""


_BESIDE = 60  # columns from which on what an option does stands beside its name


def help_text(width: int = 80) -> str:
    """What `--help` prints, in lines of `width` columns; of more than 96 as of 96, which are easier to read."""
    width = max(40, min(width, 96))
    lines = [f"usage: {USAGE}", ""]
    lines += _filled(
        "Reads a hex dump of a TLS connection, pasted as text, and prints it again with notes under the bytes. Without TRACE, "
        "or with -, it reads standard input.", "", 0, width,
    )  # fmt: skip
    lines.append("")
    heads = {o.key: ", ".join(o.names) + (f" {o.value}" if o.value else "") for o in TABLE}
    for section in SECTIONS:
        lines.append(f"{section}:")
        for option in TABLE:
            if option.section == section:
                lines += _entry(f"  {heads[option.key]}", option.help, 23 if width >= _BESIDE else 6, width)
        lines.append("")
    lines.append("Examples:")
    at = max(len(command) for command, _ in EXAMPLES) + 4
    for command, what in EXAMPLES:
        lines += _entry(f"  {command}", what, at if width >= at + 24 else 6, width)
    lines.append("")
    lines += _filled(
        "Exit status: 0 done; 1 an error-level finding under --diagnose; 2 a mistake in the call, in the input or in hexnote "
        "itself; 130 interrupted.", "", 0, width,
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def _entry(head: str, text: str, at: int, width: int) -> List[str]:
    """A name or a command, and from column `at` on its sentence: beside it where there is room, else under it."""
    if len(head) + 2 > at:
        return [head, *_filled(text, "", at, width)]
    return _filled(text, head, at, width)


def _filled(text: str, head: str, at: int, width: int) -> List[str]:
    """Words in lines that begin in column `at`; `head` stands before the first."""
    lines, line = [], head.ljust(at)
    for word in text.split(" "):
        if len(line) > at and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = " " * at
        line += f" {word}" if len(line) > at else word
    return [*lines, line]
