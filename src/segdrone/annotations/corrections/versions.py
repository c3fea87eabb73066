"""Collect the annotations of each photograph: one, or those of several people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from segdrone.annotations.formats import ANNOTATION_FORMATS
from segdrone.annotations.people import join_names
from segdrone.annotations.shapes import AnnotatedImage
from segdrone.annotations.sources import Source, read_source
from segdrone.annotations.sparse import take_strokes
from segdrone.annotations.tile_names import TilePlace
from segdrone.annotations.tiles import join_tiles, recognize_tiles
from segdrone.errors import DataError

MAJORITY = "majority"


class NamedSource(NamedTuple):
    """A source of annotations, and the name that the user gives to who made them; empty if none is given."""

    by: str
    source: Source


class Version(NamedTuple):
    """An annotation of a photograph, and the name of who made it, which is empty if nothing says it."""

    by: str
    image: AnnotatedImage


@dataclass
class Collected:
    """What sources hold.

    Attributes:
        versions: The annotations of each photograph, by its path.
        missing: Those whose photographs were not found.
        empty: Photographs without a shape.
    """

    versions: dict[Path, list[Version]] = field(default_factory=dict)
    missing: list[AnnotatedImage] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)


def read_sources(paths: Sequence[Path], annotation_format: str | None) -> list[NamedSource]:
    """Reads sources, each given as a path or as `NAME=PATH`.

    Raises:
        DataError: As `read_source`; or the sources are in several formats, or a name is empty or cannot be printed.
    """
    sources = []
    for path in paths:
        name, equals, rest = str(path).partition("=")
        is_named = bool(equals) and not path.exists()
        if is_named and not (name.strip() and name.isprintable() and rest):
            raise DataError(f"{path} is no NAME=SOURCE: give a name and an annotation file or folder")
        (source,) = take_strokes([read_source(Path(rest) if is_named else path, annotation_format)], None)
        sources.append(NamedSource(name.strip() if is_named else "", recognize_tiles(source)))
    return sources


class _Group(NamedTuple):
    """The annotations of a photograph in one source, and whether the user says who made that."""

    versions: Sequence[Version]
    is_named: bool


def collect_versions(
    sources: Sequence[NamedSource],
    find: Callable[[AnnotatedImage, Source], Path | None],
    *,
    background: bool,
) -> Collected:
    """Finds the photograph of every annotation, and groups annotations by photographs.

    Tiles of a photograph are one annotation, whoever drew them, if nobody drew on a tile of another.

    An annotation without shapes says nothing, unless pixels outside of shapes are `background`; and then only if no
    other one has shapes, since parts of a project list all photographs, or if it is one of several of a task, or if the
    user says who made it.

    Args:
        sources: What was read.
        find: Returns the photograph of an annotation; None if there is none.
        background: Whether pixels that no shape covers are a class.
    """
    collected = Collected()
    groups: defaultdict[Path, list[_Group]] = defaultdict(list)
    origins: dict[Path, Path] = {}
    for by, source in sources:
        origins |= {one.path: _origin(one.path, source, len(sources)) for one in source.annotations.images}
        fallback = source.path.stem if len(sources) > 1 else ""
        tiles: defaultdict[Path, dict[str, Version]] = defaultdict(dict)
        for image in source.annotations.images:
            path = find(image, source)
            images = [image, *(read() for read in image.others)]
            if path is None:
                if any(one.shapes for one in images):
                    collected.missing.append(image)
                continue
            versions = [Version(by or one.by or fallback, one) for one in images]
            if image.tiles:
                _add_tiles(tiles[path], versions)
            else:
                groups[path].append(_Group(versions, bool(by)))
        for path, people in tiles.items():
            groups[path].append(_Group([*people.values()], bool(by)))
    drawn = {path: [*_drawn(_join_shares(groups[path], background), background)] for path in sorted(groups)}
    collected.versions = _with_unique_names({path: found for path, found in drawn.items() if found}, origins)
    collected.empty = [path for path, found in drawn.items() if not found]
    return collected


def _origin(path: Path, source: Source, count: int) -> Path:
    """Returns what one person is likely to have made: a source or, of a single one, each file or folder in it.

    Files that describe one photograph each are not told apart.
    """
    if count > 1 or path == source.path:
        return source.path
    first, *others = path.relative_to(source.path).parts
    is_part = others or not ANNOTATION_FORMATS[source.format].per_photograph
    return source.path / first if is_part else source.path


def _add_tiles(people: dict[str, Version], versions: Sequence[Version]) -> None:
    """Puts the tiles of a photograph together, those of each person apart.

    Raises:
        DataError: A person annotated a tile twice.
    """
    for by, image in versions:
        people[by] = Version(by, join_tiles(people[by].image, image) if by in people else image)


def _join_shares(groups: Sequence[_Group], background: bool) -> Sequence[_Group]:
    """Joins the tiles of people who shared a photograph out, and annotated no tile twice: they are one annotation.

    If they did annotate some tiles twice, each keeps those of which the annotation says something.
    """
    versions = [version for group in groups for version in group.versions]
    if len(versions) < 2 or not all(version.image.tiles for version in versions):
        return groups
    drawn = {place for version in versions for place, tile in version.image.tiles.items() if tile.shapes}
    opinions: Counter[TilePlace] = Counter()
    kept: list[_Group] = []
    for group in groups:
        times = Counter(place for version in group.versions for place in version.image.tiles)
        counts = {place for place in times if background and (group.is_named or times[place] > 1)}  # empty ones too
        own = []
        for by, image in group.versions:
            opinions.update(place for place, tile in image.tiles.items() if tile.shapes or place in counts)
            tiles = {p: tile for p, tile in image.tiles.items() if tile.shapes or p in counts or p not in drawn}
            own += [Version(by, replace(image, tiles=tiles))] if tiles else []
        kept.append(_Group(own, group.is_named))
    if max(opinions.values(), default=0) > 1:
        return kept
    by = join_names(version.by for version in versions)
    image = reduce(join_tiles, (version.image for version in versions))
    return [_Group([Version(by, image)], any(group.is_named for group in groups))]


def _drawn(groups: Sequence[_Group], background: bool) -> Iterator[Version]:
    versions = [version for group in groups for version in group.versions]
    people = {version.by for version in versions if version.image.shapes}
    if not people and not any(group.is_named for group in groups):
        yield from versions[:1] if background else ()
        return
    for group in groups:
        is_task = bool(people) and len(group.versions) > 1
        for version in group.versions:
            is_opinion = is_task or (group.is_named and version.by not in people)
            if version.image.shapes or (background and is_opinion):
                people.add(version.by)  # a person may give parts of a project as several sources
                yield version


def _with_unique_names(drawn: Mapping[Path, list[Version]], origins: Mapping[Path, Path]) -> dict[Path, list[Version]]:
    """Names several versions of a photograph apart; those of one origin have one number on all photographs.

    Args:
        drawn: The versions of each photograph.
        origins: The origin of each annotation file, as of `_origin`.
    """
    place = {origin: i for i, origin in enumerate(dict.fromkeys(origins.values()))}
    several = {
        path: [(version.by or "annotation", place[origins[version.image.path]]) for version in versions]
        for path, versions in drawn.items()
        if len(versions) > 1
    }
    files: defaultdict[str, set[int]] = defaultdict(set)
    for by, origin in chain.from_iterable(several.values()):
        files[by].add(origin)
    shared = {by for keys in several.values() for by, n in Counter(by for by, _ in {*keys}).items() if n > 1}
    named = {path: [*versions] for path, versions in drawn.items()}
    for path, keys in several.items():
        counts = Counter(by for by, _ in keys)
        taken = {*counts}
        for i, (by, origin) in enumerate(keys):
            name = by
            if counts[by] > 1 or by in shared:
                first = sorted(files[by]).index(origin) + 1 if by in shared else 1
                name = next(name for number in count(first) if (name := f"{by} {number}") not in taken)
                taken.add(name)
            named[path][i] = drawn[path][i]._replace(by=name)
    return named


def choose_versions(collected: Collected, prefer: Sequence[str], merge: str | None) -> dict[Path, list[Version]]:
    """Returns the annotations of each photograph that its mask is made of: one, or all of which the majority decides.

    Args:
        collected: All annotations.
        prefer: Names of people; the first one who annotated a photograph, or a tile of it, is taken.
        merge: `majority`, or None.

    Raises:
        DataError: A photograph has several, and nothing says which to take; or nobody has a name of `prefer`.
    """
    known = {version.by for versions in collected.versions.values() for version in versions}
    together = {name for names in known for name in names.split(", ")}  # who shared a photograph out
    if unknown := [name for name in prefer if name not in known | together]:
        names = ", ".join(sorted(filter(None, known))) or "nobody is named"
        raise DataError(f"--prefer {unknown[0]} made none of the corrections: choose from {names}")
    chosen, undecided = {}, []
    for path, versions in collected.versions.items():
        preferred = _choose(versions, prefer)
        if len(versions) == 1 or merge == MAJORITY:
            chosen[path] = versions
        elif preferred is not None:
            chosen[path] = [preferred]
        else:
            undecided.append(path)
    if undecided:
        people = ", ".join(dict.fromkeys(v.by for path in undecided for v in collected.versions[path]))
        others = " that --prefer does not decide" if prefer else ""
        raise DataError(
            f"{len(undecided)} photographs, {undecided[0].name} first, have several corrections{others} ({people}): "
            "compare them with segdrone data agreement, then choose one with --prefer NAME, or --merge majority "
            "(pixels without a majority are ignored)"
        )
    return chosen


def _choose(versions: Sequence[Version], prefer: Sequence[str]) -> Version | None:
    """Returns the annotation of the first of `prefer`; None if there is none.

    Of a photograph in tiles, each tile is that of the first one who annotated it, or of the only one.
    """
    rank = {name: i for i, name in reversed([*enumerate(prefer)])}
    known = sorted((version for version in versions if version.by in rank), key=lambda version: rank[version.by])
    if not known or not all(version.image.tiles for version in versions):
        return known[0] if known else None
    taken: dict[TilePlace, Version] = {}
    for place in dict.fromkeys(place for version in versions for place in version.image.tiles):
        own = [version for version in versions if place in version.image.tiles]
        if first := next((version for version in known if place in version.image.tiles), None):
            taken[place] = first
        elif len(own) == 1 or not any(version.image.tiles[place].shapes for version in own):
            taken[place] = own[0]
        else:
            return None
    if len(people := {version.by: version for version in taken.values()}) == 1:
        return next(iter(people.values()))
    tiles = {place: version.image.tiles[place] for place, version in taken.items()}
    shapes = [shape for tile in tiles.values() for shape in tile.shapes]
    return Version(join_names(people), replace(known[0].image, tiles=tiles, shapes=shapes))


def annotation_files(sources: Sequence[NamedSource]) -> list[Path]:
    """Returns the files that annotations come from, sorted."""
    return sorted({image.path for _, source in sources for image in source.annotations.images})


def count_unread(sources: Sequence[NamedSource]) -> Counter[str]:
    """Returns how many objects cover pixels that the files do not say, by description."""
    return sum((source.annotations.unread for _, source in sources), Counter[str]())
