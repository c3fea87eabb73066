"""Choose the form of an answer by the Accept header."""

from __future__ import annotations

from typing import Any, NamedTuple

from python_multipart.multipart import parse_options_header

from segdrone.serve.problems import Problem


class Answer(NamedTuple):
    """A form in which a prediction can be had.

    Attributes:
        media_type: Of the Accept header, and of the answer.
        profile: Parameter of the media type that chooses between two of one type.
        kind: Key of `segdrone.inference.outputs.SUFFIXES`; empty for JSON.
        text: What it is.
    """

    media_type: str
    profile: str
    kind: str
    text: str

    @property
    def accept(self) -> str:
        """The Accept header that asks for it."""
        return f"{self.media_type};profile={self.profile}" if self.profile else self.media_type


ANSWERS = (  # wildcards get the first that fits
    Answer("application/json", "", "", "share of each class, counts of objects, confidence, sizes, times"),
    Answer("image/png", "", "masks", "mask of class ids, 8-bit gray"),
    Answer("image/png", "colours", "colours", "mask in the colors of the classes, with a palette"),
    Answer("image/png", "confidence", "confidence", "probability of each pixel's class, 8-bit gray, 255 is certain"),
    Answer("image/jpeg", "", "overlays", "photograph under its mask, with a legend"),
    Answer("application/geo+json", "", "regions", "regions of each class as polygons, in pixels, y down"),
    Answer("application/vnd.coco+json", "", "objects", "objects such as persons and cars, as COCO detections"),
)


def choose_answer(accept: str) -> Answer:
    """Returns the answer that a client prefers; JSON if it says nothing.

    The quality of an answer is that of the most specific range that it fits (RFC 9110, section 12.5.1). Of equal ones,
    that of the earlier range is chosen.

    Raises:
        Problem: There is none that it takes (406).

    Example:
        >>> choose_answer("image/png;profile=colours, */*;q=0.1").kind
        'colours'
    """
    if not accept.strip():
        return ANSWERS[0]
    ranges = [_parse_range(text) for text in accept.split(",")]
    qualities = []
    for answer in ANSWERS:
        fitting = [
            (kind.count("*"), place, quality)
            for place, (quality, kind, profile) in enumerate(ranges)
            if _fits(kind, answer.media_type) and profile == answer.profile
        ]
        _, place, quality = min(fitting, default=(0, 0, 0.0))
        qualities.append((quality, -place))
    best = max(qualities)
    if best[0] > 0:
        return ANSWERS[qualities.index(best)]
    known = ", ".join(answer.accept for answer in ANSWERS)
    raise Problem(406, f"there is no answer that the Accept header takes: choose one of {known}")


def _parse_range(text: str) -> tuple[float, str, str]:
    """Returns quality, media type and profile of a part of an Accept header; the quality is 0 if it is none."""
    kind, parameters = parse_options_header(text)
    try:
        quality = float(parameters.get(b"q", b"1"))
    except ValueError:
        quality = 0.0
    profile = parameters.get(b"profile", b"").decode("latin-1").strip().lower()
    return quality if 0 <= quality <= 1 else 0.0, kind.decode("latin-1").lower(), profile


def _fits(wanted: str, media_type: str) -> bool:
    kind, _, subtype = wanted.partition("/")
    known, _, known_subtype = media_type.partition("/")
    return kind in ("*", known) and subtype in ("*", known_subtype) and (kind != "*" or subtype == "*")


def to_json(answer: dict[str, Any], *, request_id: str, model: str, queued: float) -> dict[str, Any]:
    """Returns the JSON of a prediction.

    Args:
        answer: A worker's.
        request_id: Of the request.
        model: Name of the model.
        queued: Seconds that the request waited.
    """
    row, classes = answer["row"], answer["classes"]
    height, width = answer["network_size"]
    return {
        "id": request_id,
        "model": model,
        "model_digest": answer["model_digest"],
        "size": {"width": int(row["width"]), "height": int(row["height"])},
        "network_size": {"width": width, "height": height},
        "classes": [
            {
                "name": name,
                "colour": colour,
                "share": float(row[f"share_{name}"]),
                "objects": int(row[f"objects_{name}"]) if f"objects_{name}" in row else None,
            }
            for name, colour in zip(classes["names"], classes["colours"], strict=True)
        ],
        "no_data": float(row["no_data"]),
        "confidence": float(row["confidence"]),
        "captured": row["captured"] or None,
        "seconds": {"queued": round(queued, 4), "predicted": round(answer["seconds"], 4)},
        "digest": row["digest"],
    }
