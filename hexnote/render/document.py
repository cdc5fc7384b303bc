"""What the documents share: they take whole traces, and come out at the very end, one document for all of them."""

from __future__ import annotations

from hexnote.hints import List
from hexnote.report import Collector, Report
from hexnote.tale import Story, Tale
from hexnote.wording import Wording


class Document(Collector):
    """Collects the traces; `close` tells them all. `deep`: every node of certificates and lists."""

    def __init__(self, words: Wording, deep: bool = False) -> None:
        super().__init__()
        self.words = words
        self.deep = deep

    def close(self) -> bytes:
        """The document, when the last trace has ended."""
        return self.document(self.reports).encode("utf-8", "backslashreplace")

    def document(self, reports: List[Report]) -> str:
        """The text of the document."""
        raise NotImplementedError

    def stories(self, reports: List[Report]) -> List[Story]:
        """The story of each trace; addresses in the second and further ones begin with its number."""
        made: List[Story] = []
        count = 0
        for i, report in enumerate(reports):
            story = Story(report, self.words, self.deep, f"t{i + 1}." if i else "", count)
            count = story.count
            made.append(story)
        return made

    def lead(self, stories: List[Story]) -> str:
        """The name of the sentence that begins the document."""
        count = sum(len(story.tales) for story in stories)
        return "nothing" if not count else "lead" if count == 1 else "lead.many"

    def headed(self, stories: List[Story], tale: Tale, text: str) -> str:
        """A heading: it says whose it is where there are several connections."""
        if sum(len(s.tales) for s in stories) < 2:
            return text
        return self.words.plain("prefix", id=tale.id, text=text)


def name(report: Report) -> str:
    """What a trace is called in a document: its file's name, without the folder."""
    return report.file.replace("\\", "/").rsplit("/", 1)[-1] if report.file != "-" else "the trace"
