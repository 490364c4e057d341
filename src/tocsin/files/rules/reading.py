"""YAML text -> the objects that it names, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from tocsin.core.errors import TocsinError
from tocsin.core.storable import is_storable
from tocsin.files.rules.kinds import KINDS, Kind
from tocsin.files.rules.shapes import Place, Problem, Reading, pairs_of, spelled, unknown

_MOST_BYTES = 50 * 2**20
_MOST_MERGED = 500_000
_MERGE = "tag:yaml.org,2002:merge"


class FilesError(TocsinError):
    """Every problem of the files, in their order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a file. `values`: what is given, by field; `lines`: where each part of it stands."""

    kind: Kind
    name: str
    values: Mapping[str, Any]
    file: str
    place: Place
    lines: Mapping[Place, int] = field(repr=False)

    @property
    def line(self) -> int:
        return self.lines.get(self.place, 0)

    def problem(self, field: str, text: str) -> Problem:
        """`field` "" for the whole. The line is that of the innermost part that is known."""
        steps = (*self.place, *(step for step in field.split(".") if step))
        at = next((steps[:end] for end in range(len(steps), 0, -1) if steps[:end] in self.lines), self.place)
        label = f"{spelled(self.place)} {self.name!r}" + (f" {field}" if field else "")
        return Problem(self.file, self.lines.get(at, 0), label, text)


def read_files(texts: Mapping[str, str]) -> list[Entry]:
    """File name -> text. FilesError names every problem; each file may hold several documents."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    for file, text in texts.items():
        into = Reading(file)
        if len(text) > _MOST_BYTES:
            problems.append(Problem(file, 0, "", f"is longer than {_MOST_BYTES} characters; split it"))
            continue
        entries += _entries(text, into)
        problems += into.problems
    problems += _doubled(entries)
    if problems:
        raise FilesError(problems)
    return entries


def _entries(text: str, into: Reading) -> list[Entry]:
    loader = yaml.SafeLoader(text)
    found: list[Entry] = []
    merging = _Merging(loader)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                merging.flatten(node)
                for scalar in merging.take_unstorable():
                    into.wrong(scalar, (), "holds a character that cannot be stored, such as NUL; remove it")
                found += _of_document(node, into)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        into.problems.append(Problem(into.file, line, "", f"is not YAML: {error.problem or error.context}"))
    except yaml.YAMLError as error:
        into.problems.append(Problem(into.file, 0, "", f"is not YAML: {error}"))
    except RecursionError:
        into.problems.append(Problem(into.file, 0, "", "is nested too deeply"))
    finally:
        loader.dispose()
    return found


class _Merging:
    """Each node is seen once, and `<<: *base` made what it stands for.

    Merges of merges multiply, so they are counted before any is made.
    """

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._nodes: dict[int, yaml.Node] = {}
        self._sizes: dict[int, int] = {}
        self._merged = 0
        self._unstorable: dict[int, yaml.Node] = {}

    def take_unstorable(self) -> list[yaml.Node]:
        """What PostgreSQL refuses of the texts that were seen."""
        found, self._unstorable = self._unstorable, {}
        return list(found.values())

    def flatten(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            if not is_storable(node.value):
                self._unstorable[id(node)] = node
            return
        if id(node) in self._nodes:
            return
        self._nodes[id(node)] = node  # held, so that no other gets its id
        if isinstance(node, yaml.MappingNode):
            self._size(node)
            self._flatten(node)
        for item in node.value:
            for child in item if isinstance(item, tuple) else (item,):
                self.flatten(child)

    def _flatten(self, node: yaml.MappingNode) -> None:
        """What stands there itself goes before what is merged, of two bases the first. Nothing is there twice then."""
        own = [pair for pair in node.value if pair[0].tag != _MERGE]
        self._loader.flatten_mapping(node)
        merged = node.value[: len(node.value) - len(own)]
        last = {key.value: (key, value) for key, value in merged if isinstance(key, yaml.ScalarNode)}
        for key, _value in own:
            if isinstance(key, yaml.ScalarNode):
                last.pop(key.value, None)
        others = [pair for pair in merged if not isinstance(pair[0], yaml.ScalarNode)]
        node.value = [*last.values(), *others, *own]

    def _size(self, node: yaml.MappingNode) -> int:
        """How many keys it has once those that it merges are in it."""
        if id(node) in self._sizes:
            return self._sizes[id(node)]
        self._sizes[id(node)] = own = merged = 0
        for key, value in node.value:
            if key.tag != _MERGE:
                own += 1
                continue
            bases = value.value if isinstance(value, yaml.SequenceNode) else (value,)
            merged += sum(self._size(base) for base in bases if isinstance(base, yaml.MappingNode))
            if self._merged + merged > _MOST_MERGED:
                text = f"more than {_MOST_MERGED} keys are merged; write out what <<: stands for"
                raise ConstructorError(None, None, text, key.start_mark)
        self._merged += merged
        self._sizes[id(node)] = own + merged
        return own + merged


def _of_document(node: yaml.Node, into: Reading) -> list[Entry]:
    if isinstance(node, yaml.ScalarNode) and not node.value:
        return []
    if not isinstance(node, yaml.MappingNode):
        into.wrong(node, (), f"must have keys: {', '.join(KINDS)}")
        return []
    found: list[Entry] = []
    for key, key_node, listed in pairs_of(node, (), into):
        kind = KINDS.get(key)
        if kind is None:
            into.wrong(key_node, (), unknown(key, KINDS))
        elif isinstance(listed, yaml.SequenceNode):
            for number, item in enumerate(listed.value):
                place: Place = (key, number)
                into.lines = {place: item.start_mark.line + 1}
                values = kind.record.read(item, place, into)
                if values and isinstance(values.get("name"), str):
                    found.append(Entry(kind, values["name"].strip(), values, into.file, place, into.lines))
        elif not (isinstance(listed, yaml.ScalarNode) and listed.value in ("", "~", "null")):
            into.wrong(listed, (key,), "must be a list")
    return found


def _doubled(entries: Iterable[Entry]) -> list[Problem]:
    first: dict[tuple[str, str], Entry] = {}
    problems = []
    for entry in entries:
        if entry.kind.doubles or entry.kind.key == "contacts":  # people share names
            continue
        before = first.setdefault((entry.kind.key, entry.name), entry)
        if before is not entry:
            where = f"{before.file}:{before.line}"
            problems.append(entry.problem("name", f"stands there twice: first in {where}; keep one of them"))
    return problems
