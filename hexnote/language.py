"""The grammar of dump texts as tables, and the machine that walks them.

Lark reads the grammar (`grammars/dumps/*.lark`) and makes LALR(1) tables of it. They depend on the grammar alone,
so they can be made once, when the package is built; where they are not at hand, or are of another grammar, Lark
makes them at the start.
"""

from __future__ import annotations

from sys import intern

from hexnote.hints import Any, Callable, Dict, List, Mapping, Optional, Tuple
from hexnote.tuples import NamedTuple
from hexnote.vocabulary import Terminal, Vocabulary, nameless

# What was made of these texts at build time, by name; None: nothing.
Made = Callable[..., Any]

START = "text"
KINDS = ("head", "lead", "label", "aside", "row", "data", "under", "bare", "whole", "note", "star", "run", "summary", "advice")
NAME = "dumps"  # of the tables among what the build makes
CODE = ("language", "vocabulary")  # the modules that they depend on


def ordered(grammars: Mapping[str, str]) -> List[str]:
    """The texts of the grammar files in the order in which they make one grammar."""
    return [grammars[name] for name in sorted(grammars, key=lambda name: (not name.endswith("dumps.lark"), name))]


class _NoLexer:
    """Stands for Lark's lexer, which would compile every terminal: `lexer` gives the tokens."""

    def __init__(self, conf: Any, states: Any, always_accept: Any = ()) -> None:
        pass


def compiled(grammars: Mapping[str, str]) -> Any:
    """The tables that Lark makes of the grammar, in lists, numbers and strings alone."""
    from lark import Lark

    sources: Dict[str, str] = {}

    def keep(terminal: Any) -> None:
        """Keeps a terminal's pattern, and leaves Lark one without named groups: it has groups of its own."""
        sources[terminal.name] = terminal.pattern.value
        terminal.pattern.value = nameless(terminal.pattern.value)

    lark = Lark(
        "\n".join(ordered(grammars)), parser="lalr", start=[START, *KINDS], use_bytes=True, maybe_placeholders=False,
        edit_terminals=keep, _plugins={"ContextualLexer": _NoLexer},
    )
    terminals: List[List[Any]] = []
    for rule in lark.rules:
        kind = str(rule.origin.name)
        if kind in KINDS and rule.expansion:
            name = rule.expansion[0].name
            terminals.append([str(name), kind, lark.get_terminal(name).priority, sources[name]])
    conf = lark.parse_interactive(b"", start=START).parser_state.parse_conf
    numbers: Dict[Any, int] = {}
    states: List[Dict[str, int]] = []
    rules: List[List[Any]] = []
    left = [conf.start_state]
    while left:
        state = left.pop()
        if state in numbers:
            continue
        numbers[state] = len(states)
        row: Dict[str, Any] = {}
        states.append(row)
        for symbol, (action, what) in conf.states[state].items():
            if action.name == "Shift":
                row[str(symbol)] = [what]
                left.append(what)
            else:
                ends = [str(what.origin.name), len(what.expansion)]
                if ends not in rules:
                    rules.append(ends)
                row[str(symbol)] = ~rules.index(ends)
    for row in states:
        for symbol, what in row.items():
            row[symbol] = numbers[what[0]] if isinstance(what, list) else what
    return {"terminals": terminals, "states": states, "rules": rules}


class Tables(NamedTuple):
    """LALR(1) tables. State 0 is the first."""

    # By state and symbol: the state that follows, or, below 0, the complement of the number of a rule that ends.
    states: List[Dict[str, int]]
    rules: List[Tuple[str, int]]  # (name, how many symbols it is made of)


class Language:
    """The grammar of dump texts: its tables, and the vocabulary of the dresses."""

    def __init__(self, grammars: Mapping[str, str], made: Optional[Made] = None) -> None:
        tables = made(NAME, CODE, *ordered(grammars)) if made is not None else None
        if tables is None:
            tables = compiled(grammars)
        # The machine looks symbols up for each token: as one object each they are found without comparing.
        states = [{intern(symbol): what for symbol, what in row.items()} for row in tables["states"]]
        self.tables = Tables(states, [(intern(name), size) for name, size in tables["rules"]])
        self.vocabulary = Vocabulary([Terminal(*each) for each in tables["terminals"]])


class Machine:
    """An LALR(1) parser that is given one token after the other, and calls an action where a rule ends.

    `actions` by the name of the rule: called with what its symbols came to, what it returns stands for the rule;
    None where there is none. The grammar has a start without an end, so nothing piles up.
    """

    __slots__ = ("_states", "_rules", "_stack", "_values")

    def __init__(self, tables: Tables, actions: Mapping[str, Callable[[List[Any]], Any]]) -> None:
        self._states = tables.states
        self._rules = [(name, size, actions.get(name)) for name, size in tables.rules]
        self._stack = [0]
        self._values: List[Any] = []

    def feed(self, symbol: str, value: Any) -> None:
        """Takes a token. Raises KeyError where the grammar has none of that kind there."""
        states, stack, values = self._states, self._stack, self._values
        while True:
            what = states[stack[-1]][symbol]
            if what >= 0:
                stack.append(what)
                values.append(value)
                return
            name, size, action = self._rules[~what]
            made = None
            if size:
                if action is not None:
                    made = action(values[-size:])
                del stack[-size:], values[-size:]
            elif action is not None:
                made = action([])
            stack.append(states[stack[-1]][name])
            values.append(made)
