"""The manual page and the completions of shells, made of the one table of options when the package is built.

    python -m hexnote.manual FOLDER     writes share/man/man1/hexnote.1 and the completions below FOLDER
"""

from __future__ import annotations

import os
import sys

from hexnote import __version__
from hexnote.hints import Dict, List, Sequence
from hexnote.options import EXAMPLES, SECTIONS, TABLE, Option

# What an argument is, for completion.
_FILES = frozenset(("FILE", "FOLDER"))


def pages() -> Dict[str, str]:
    """Every file made, by its path below the installation's root."""
    return {
        "share/man/man1/hexnote.1": manual(),
        "share/bash-completion/completions/hexnote": bash(),
        "share/zsh/site-functions/_hexnote": zsh(),
        "share/fish/vendor_completions.d/hexnote.fish": fish(),
    }


def _roff(text: str) -> str:
    """Text that roff prints as it is."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + safe if safe[:1] in ".'" else safe


def manual() -> str:
    """The manual page (man(7))."""
    lines = [
        f'.TH HEXNOTE 1 "" "hexnote {_roff(__version__)}" "User commands"',
        ".SH NAME", "hexnote \\- annotates hex dumps of TLS connections",
        ".SH SYNOPSIS", ".B hexnote", "[\\fIOPTIONS\\fR] [\\fITRACE\\fR ...]",
        ".SH DESCRIPTION",
        "Reads a hex dump of a TLS connection as text (tcpdump \\-X, snoop, tshark \\-x, hexdump \\-C, logs of TLS libraries and",
        "many others, pasted, quoted or damaged) and prints it again, every line of it, with notes under the bytes. Lines that",
        "begin with", ".B ;|", "are notes; nothing else is changed. Without", ".IR TRACE ,", "or with", ".BR \\- ,",
        "it reads standard input. Several traces are read one after another.",
        ".SH OPTIONS",
    ]  # fmt: skip
    for section in SECTIONS:
        lines.append(f".SS {section}")
        for option in TABLE:
            if option.section == section:
                lines += [".TP", _heads(option), _roff(_sentence(option.help, option.choices))]
    lines.append(".SH EXAMPLES")
    for command, what in EXAMPLES:
        lines += [".TP", f".B {_roff(command)}", _roff(_sentence(what))]
    lines += [
        ".SH EXIT STATUS",
        ".TP", ".B 0", "Done.",
        ".TP", ".B 1", "An error\\-level finding stands, under \\fB\\-\\-diagnose\\fR.",
        ".TP", ".B 2", "A mistake in the call, in the input or in hexnote itself, told in one line on standard error.",
        ".TP", ".B 130", "Interrupted.",
        ".SH ENVIRONMENT",
        ".TP", ".B NO_COLOR", "If set and not empty, there is no colour unless \\fB\\-\\-color always\\fR asks for it.",
        ".TP", ".B TERM", "If it is \\fBdumb\\fR, there is no colour either.",
        ".SH SEE ALSO", ".BR tcpdump (1), .BR tshark (1), .BR openssl (1)".replace(", .BR", ",\n.BR"),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _sentence(text: str, choices: Sequence[str] = ()) -> str:
    """A help text as a sentence. A value that is to be typed keeps its small letter."""
    first = text[:1] if text.split(" ")[0] in choices else text[:1].upper()
    return first + text[1:] + ("" if text.endswith("?") else ".")


def _heads(option: Option) -> str:
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in option.names)
    return f"{names} \\fI{_roff(option.value)}\\fR" if option.value else names




def bash() -> str:
    """Completion for bash. Names of files are parted by line ends alone, so that they may have blanks."""
    names = " ".join(name for option in TABLE for name in option.names)
    cases: List[str] = []
    for option in TABLE:
        if not option.value:
            continue
        made = ""
        if option.choices:
            made = f"-W '{' '.join(option.choices)}'"
        elif option.value in _FILES:
            made = "-d" if option.value == "FOLDER" else "-f"
        parted = "local IFS=$'\\n'; " if made in ("-d", "-f") else ""
        reply = f'{parted}COMPREPLY=($(compgen {made} -- "$word")); ' if made else ""
        cases.append(f"        {'|'.join(option.names)}) {reply}return;;")
    return "\n".join([
        "# Completion of hexnote for bash.",
        "_hexnote() {",
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        "    # The = of --name=VALUE is a word of its own.",
        '    if [[ "$word" == "=" ]]; then',
        '        word=""',
        '    elif [[ "$before" == "=" ]]; then',
        '        before="${COMP_WORDS[COMP_CWORD-2]}"',
        "    fi",
        '    case "$before" in', *cases, "    esac",
        '    if [[ "$word" == -* ]]; then',
        f"        COMPREPLY=($(compgen -W '{names}' -- \"$word\"))",
        "    else",
        "        local IFS=$'\\n'",
        '        COMPREPLY=($(compgen -f -- "$word"))',
        "    fi",
        "}",
        "complete -o filenames -F _hexnote hexnote",
        "",
    ])  # fmt: skip


def zsh() -> str:
    """Completion for zsh."""
    lines = ["#compdef hexnote", "# Completion of hexnote for zsh.", "_arguments -s \\"]
    for option in TABLE:
        what = option.help.replace("'", "").replace("[", "(").replace("]", ")").replace(":", "\\:")
        argument = ""
        if option.choices:
            argument = f":{option.value}:({' '.join(option.choices)})"
        elif option.value in _FILES:
            argument = f":{option.value}:{'_files -/' if option.value == 'FOLDER' else '_files'}"
        elif option.value:
            argument = f":{option.value}: "
        for name in option.names:
            others = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
            equals = "=" if argument and name.startswith("--") else "+" if argument else ""
            lines.append(f"    '{others}{name}{equals}[{what}]{argument}' \\")
    lines += ["    '*:trace:_files'", ""]
    return "\n".join(lines)


def fish() -> str:
    """Completion for fish."""
    lines = ["# Completion of hexnote for fish."]
    for option in TABLE:
        words = ["complete -c hexnote"]
        for name in option.names:
            words.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
        if option.choices:
            words.append(f"-x -a '{' '.join(option.choices)}'")
        elif option.value in _FILES:
            words.append("-r")
        elif option.value:
            words.append("-x")
        words.append("-d '" + option.help.replace("\\", "\\\\").replace("'", "\\'") + "'")
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def write(folder: str) -> List[str]:
    """Write every page below `folder`; their paths."""
    made = []
    for name, text in pages().items():
        path = os.path.join(folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        made.append(path)
    return made


if __name__ == "__main__":
    for written in write(sys.argv[1] if len(sys.argv) > 1 else "build"):
        print(written)
