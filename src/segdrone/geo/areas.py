"""Measure pixels in square meters on the ellipsoid, in any coordinate system."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from segdrone.errors import DataError
from segdrone.raster.crs import horizontal_crs, to_ellipsoid
from segdrone.raster.georeference import Georeference
from segdrone.windows import Size, Window

Floats = NDArray[np.float64]

_DEGREES = (2, 4, 8, 16, 32, 64)  # of the polynomials: 4 for a field in UTM, 32 for the whole Earth
_TOLERANCE = 1e-9  # of a density, relative: what two degrees agree to
_NOISE = 1e-6  # meters; coordinates are good to a few nanometers, which shows in rasters of a meter
_CHUNK = 1 << 18  # points that are evaluated at once
_ROWS = 64  # of a strip that are weighted at once


class PixelSums(NamedTuple):
    """What the pixels of each label sum up to: their number, int64 `[L]`, and square meters, float64 `[L]`."""

    pixels: NDArray[np.int64]
    square_meters: Floats


class PixelAreas:
    """True areas of the pixels of a raster, on the ellipsoid of its coordinate system.

    A pixel covers |dp/dcolumn x dp/drow| square meters, where p is its place on the ellipsoid in three dimensions,
    which is smooth at the poles and at the antimeridian too. That density becomes a polynomial (Chebyshev, in columns
    and rows), whose degree is doubled until it changes by less than 1e-9. It is integrated exactly, so that areas are
    additive: those of all regions sum up to that of the raster.

    Args:
        georeference: Where the raster lies; its `crs` is not empty.
        size: Height and width of the raster in pixels.

    Attributes:
        size: Height and width of the raster in pixels.
        total: Square meters of the raster.
        mean: Square meters of a pixel, on average.
        gsd: Meters from one pixel to the next at the center: across the columns, and down the rows.

    Raises:
        DataError: The system is no system of a map, or the raster reaches beyond its places on Earth.

    Example:
        >>> import pyproj
        >>> web = Georeference(pyproj.CRS("EPSG:3857").to_wkt(), (1.0, 0.0, 1e6, 0.0, -1.0, 6e6))
        >>> areas = PixelAreas(web, (100, 100))  # at 47.4 degrees north
        >>> round(areas.total), [round(side, 3) for side in areas.gsd]
        (4592, [0.679, 0.677])
    """

    def __init__(self, georeference: Georeference, size: Size) -> None:
        self.size = size
        surface = _Surface(georeference, size)
        density, self._metric = surface.fit()
        half = size[0] * size[1] / 4
        self.total = float(chebyshev.chebval2d(1.0, 1.0, _integral(density))) * half
        self.mean = self.total / (size[0] * size[1])
        density[0, 0] -= self.mean
        self._excess = _integral(density) * half
        east, _, south = (float(chebyshev.chebval2d(0.0, 0.0, form)) for form in self._metric)
        self.gsd = (math.sqrt(east), math.sqrt(south))

    def excess(self, columns: NDArray[np.integer], rows: NDArray[np.integer]) -> Floats:
        """Returns how much larger than `mean` times their number the pixels above and left of each corner are.

        Alternating sums along the corners of a ring give that of what it encloses (Green's theorem). The small part
        beyond the mean alone keeps 1e-12 of a pixel in rasters of a billion of them.

        Args:
            columns: Of the corners, int `[N]`, 0 to the width.
            rows: Of the corners, int `[N]`, 0 to the height.

        Returns:
            Square meters, float64 `[N]`.
        """
        height, width = self.size
        return _evaluate(self._excess, _scaled(columns, width), _scaled(rows, height))

    def rectangle(self, window: Window) -> float:
        """Returns the square meters of a rectangle of pixels."""
        left, top, right, bottom = window.left, window.top, window.left + window.width, window.top + window.height
        corners = self.excess(np.array([right, left, left, right]), np.array([bottom, top, bottom, top]))
        return float(corners @ [1, 1, -1, -1]) + self.mean * window.height * window.width

    def sum_labels(self, labels: NDArray[np.integer], count: int, top: int, left: int = 0) -> PixelSums:
        """Sums the pixels of each label in a part of the raster.

        Args:
            labels: Such as a mask: integers `[h, w]`, 0 to `count - 1`.
            count: Number of labels.
            top: First row of the part.
            left: Its first column.
        """
        height, width = self.size
        pixels, excess = np.zeros(count, np.int64), np.zeros(count)
        columns = np.arange(left, left + labels.shape[1] + 1)
        across = np.diff(_basis(_scaled(columns, width), self._excess.shape[0]), axis=0) @ self._excess
        for start in range(0, len(labels), _ROWS):
            block = labels[start : start + _ROWS]
            lines = np.arange(top + start, top + start + len(block) + 1)
            weights = np.diff(_basis(_scaled(lines, height), self._excess.shape[1]), axis=0) @ across.T
            pixels += np.bincount(block.ravel(), minlength=count)
            excess += np.bincount(block.ravel(), weights.ravel(), count)
        return PixelSums(pixels, excess + self.mean * pixels)

    def lengths(self, starts: NDArray[np.number], ends: NDArray[np.number]) -> Floats:
        """Returns the meters of straight sides, by the scale of the map at the middle of each.

        Args:
            starts: Column and row, `[N, 2]`.
            ends: Column and row, `[N, 2]`.
        """
        height, width = self.size
        middle = (starts + ends) / 2
        u, v = _scaled(middle[:, 0], width), _scaled(middle[:, 1], height)
        across, down = (ends - starts).T.astype(np.float64)
        east, both, south = (_evaluate(form, u, v) for form in self._metric)
        return np.asarray(np.sqrt(np.maximum(east * across**2 + 2 * both * across * down + south * down**2, 0.0)))


class _Surface:
    """The places of a raster's pixels on the ellipsoid, in meters from its center."""

    def __init__(self, georeference: Georeference, size: Size) -> None:
        if not georeference.is_usable:
            raise DataError("the transform of the raster gives its pixels no area: write it anew with gdal_edit.py")
        self._georeference = georeference
        self._size = size
        self._crs = horizontal_crs(georeference.crs)
        edges = np.linspace(-1, 1, 9)
        longitudes, latitudes = self._on_ellipsoid(edges, edges)
        if self._crs.is_geographic and not self._crs.is_derived and np.ptp(longitudes) > 2 * math.pi * (1 + 1e-9):
            raise DataError(
                f"the raster spans {math.degrees(np.ptp(longitudes)):.6g} degrees of longitude: crop it to 360"
            )
        if np.abs(latitudes).max() > math.pi / 2 * (1 + 1e-9):
            raise DataError("the raster reaches beyond a pole: crop it to latitudes of -90 to 90 degrees")

    def fit(self) -> tuple[Floats, list[Floats]]:
        """Returns coefficients of the density, and of E, F and G of the first fundamental form (Gauss, 1827)."""
        forms = self._fit(_DEGREES[0])
        probes = np.linspace(-1, 1, 9)
        for degree in _DEGREES[1:]:
            finer = self._fit(degree)
            ours, theirs = (chebyshev.chebgrid2d(probes, probes, density) for density, _ in (forms, finer))
            center = [float(chebyshev.chebval2d(0.0, 0.0, form)) for form in finer[1]]
            shortest = min(math.sqrt(abs(center[0])) * self._size[1], math.sqrt(abs(center[2])) * self._size[0])
            tolerance = _TOLERANCE + _NOISE / max(shortest, _NOISE)
            if np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max():
                return forms
            forms = finer
        raise DataError(
            f"areas of pixels vary too much in {self._crs.name}: the raster reaches to where the system ends; crop it, "
            "or reproject it with gdalwarp -t_srs"
        )

    def _fit(self, degree: int) -> tuple[Floats, list[Floats]]:
        count = degree + 1
        nodes = chebyshev.chebpts1(count)
        places = _coefficients(self._places(nodes))
        height, width = self._size
        across, down = (
            chebyshev.chebgrid2d(nodes, nodes, chebyshev.chebder(places, axis=axis)) * (2 / side)
            for axis, side in ((0, width), (1, height))
        )
        density = np.linalg.norm(np.cross(across, down, axis=0), axis=0)
        forms = [(across * across).sum(0), (across * down).sum(0), (down * down).sum(0)]
        return _coefficients(density), [_coefficients(form) for form in forms]

    def _places(self, nodes: Floats) -> Floats:
        """Returns meters in three dimensions, float64 `[n, n, 3]`, of a grid of places: columns, then rows."""
        ellipsoid = self._crs.ellipsoid
        longitude, latitude = self._on_ellipsoid(nodes, nodes)
        longitude -= longitude[len(nodes) // 2, len(nodes) // 2]
        ratio = (ellipsoid.semi_minor_metre / ellipsoid.semi_major_metre) ** 2
        normal = ellipsoid.semi_major_metre / np.sqrt(1 - (1 - ratio) * np.sin(latitude) ** 2)
        place = np.stack(
            [
                normal * np.cos(latitude) * np.cos(longitude),
                normal * np.cos(latitude) * np.sin(longitude),
                ratio * normal * np.sin(latitude),
            ],
            axis=2,
        )
        return np.asarray(place - place[len(nodes) // 2, len(nodes) // 2])

    def _on_ellipsoid(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        height, width = self._size
        columns, rows = np.meshgrid((u + 1) * (width / 2), (v + 1) * (height / 2), indexing="ij")
        points = self._georeference.coordinates(np.stack([columns.ravel(), rows.ravel()], axis=1))
        longitude, latitude = to_ellipsoid(self._crs, points)
        if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
            raise DataError(
                f"a part of the raster has no place on Earth in {self._crs.name}: crop it, or assign the system that "
                "its coordinates are in"
            )
        return longitude.reshape(columns.shape), latitude.reshape(columns.shape)


def _coefficients(values: Floats) -> Floats:
    """Returns coefficients `[n, n, ...]` of the polynomial that has these values at the nodes, `[n, n, ...]`."""
    count = len(values)
    matrix = 2 / count * _basis(chebyshev.chebpts1(count), count).T
    matrix[0] /= 2
    return np.asarray(np.einsum("ik,jl,kl...->ij...", matrix, matrix, values))


def _integral(density: Floats) -> Floats:
    """Returns coefficients of the integral from -1, in both directions."""
    return np.asarray(chebyshev.chebint(chebyshev.chebint(density, lbnd=-1, axis=0), lbnd=-1, axis=1))


def _scaled(places: NDArray[Any], side: int) -> Floats:
    return np.asarray(places * (2 / side) - 1, np.float64)


def _basis(points: Floats, count: int) -> Floats:
    return np.asarray(chebyshev.chebvander(points, count - 1))


def _evaluate(coefficients: Floats, u: Floats, v: Floats) -> Floats:
    values = np.empty(len(u))
    for start in range(0, len(u), _CHUNK):
        part = slice(start, start + _CHUNK)
        across = _basis(u[part], coefficients.shape[0]) @ coefficients
        values[part] = (across * _basis(v[part], coefficients.shape[1])).sum(axis=1)
    return values
