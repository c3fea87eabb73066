/** Save files of a prediction. */

import { formatCsv } from "./csv.js";

const SUFFIXES = {
  masks: "-mask.png",
  colours: "-colors.png",
  overlays: "-overlay.jpg",
  regions: ".geojson",
  objects: "-coco.json",
  shares: "-shares.csv",
  json: ".json",
};

/**
 * Saves one file.
 * @param {import("./predict.js").Prediction} prediction
 * @param {string} kind A key of `SUFFIXES`.
 * @param {string} name Of the photograph.
 */
export async function download(prediction, kind, name) {
  const { answer } = prediction;
  const made = { shares: () => sharesOf(answer), json: () => `${JSON.stringify(answer, null, 2)}\n` };
  const blob = Object.hasOwn(made, kind) ? new Blob([made[kind]()]) : await prediction.load(kind);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/\.[^.]*$/, "") + SUFFIXES[kind];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function sharesOf({ classes }) {
  return formatCsv([["class", "share", "objects"], ...classes.map((one) => [one.name, one.share, one.objects])]);
}
