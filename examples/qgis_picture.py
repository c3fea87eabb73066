"""Draw a predicted map in QGIS, without a window: the layers with the styles that lie beside them.

apt-get install qgis python3-qgis
segdrone predict best.onnx orthomosaic.tif --out mapped --polygons gpkg
/usr/bin/python3 examples/qgis_picture.py orthomosaic.tif mapped/maps/orthomosaic_polygons.gpkg picture.png
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QSize


def main() -> None:
    """Draws the polygons over the map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", help="the orthomosaic")
    parser.add_argument("polygons", help="GeoPackage of segdrone predict --polygons")
    parser.add_argument("picture", help="PNG to write")
    options = parser.parse_args()
    application = QgsApplication([], False)
    application.initQgis()
    raster = QgsRasterLayer(options.map, "map")
    polygons = QgsVectorLayer(f"{options.polygons}|layername=regions", "regions", "ogr")
    if not (raster.isValid() and polygons.isValid()):
        sys.exit("QGIS cannot open the layers")
    settings = QgsMapSettings()
    settings.setLayers([polygons, raster])
    settings.setDestinationCrs(raster.crs())
    settings.setExtent(raster.extent())
    settings.setOutputSize(QSize(1200, round(1200 * raster.height() / raster.width())))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(options.picture)
    application.exitQgis()


if __name__ == "__main__":
    main()
