"""Maps: places on Earth, square meters, polygons, GIS layers."""
