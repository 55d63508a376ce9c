"""A strict reader of pages: a tree of elements, faults of nesting, plain text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr", "col"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str | None]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def all(self, *names: str) -> list[Element]:
        found = [self] if self.name in names else []
        return found + [hit for child in self.children for hit in child.all(*names)]

    @property
    def text(self) -> str:
        return " ".join([*self.words, *(child.text for child in self.children)])


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.here = self.root
        self.faults: list[str] = []
        self.feed(html)
        self.close()
        if self.here is not self.root:
            self.faults.append(f"unclosed {self.here.name}")

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [key for key, _ in attributes]
        if len(names) != len(set(names)):
            self.faults.append(f"attribute twice in {name}")
        element = Element(name, dict(attributes), self.here)
        self.here.children.append(element)
        if name not in VOID:
            self.here = element

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.here.children.append(Element(name, dict(attributes), self.here))

    def handle_endtag(self, name: str) -> None:
        if self.here.name != name:
            self.faults.append(f"</{name}> closes {self.here.name}")
            return
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.words.append(data)
