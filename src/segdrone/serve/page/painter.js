/**
 * Decode and draw the photograph and its mask: a worker, so that the page answers meanwhile.
 *
 * The photograph is kept in levels, each half of the one before: what is drawn in a frame takes about as many pixels as
 * are seen. The mask is kept as ids; those that are seen get their colors in each frame.
 */

import { decodeGrayPng } from "./png.js";

const MOST = 48e6; // pixels of the first level
const SMALLEST = 512; // pixels on a side of the last one
const THUMBNAIL = { width: 320, height: 214 };

let levels = [];
let mask = null;
let size = null;
let palette = new Uint32Array(256); // as in ImageData; 0 is transparent
let view = null;
let canvas, context, layer, layerContext;
let layerOf = ""; // for which view and palette the layer was painted
let isWaiting = false;
let turn = 0; // of the photograph: what is decoded for an earlier one is not taken

const actions = {
  start: (given) => {
    canvas = given;
    context = canvas.getContext("2d", { willReadFrequently: true }); // in memory: textures have a limit in size
    layer = new OffscreenCanvas(1, 1);
    layerContext = layer.getContext("2d", { willReadFrequently: true });
  },

  open: async (photograph) => {
    actions.clear();
    const own = turn;
    const bitmap = await createImageBitmap(photograph).catch(() => null);
    checkTurn(own);
    if (!bitmap) return null; // not a kind that browsers show, such as TIFF
    size = { width: bitmap.width, height: bitmap.height };
    levels = makeLevels(bitmap);
    return size;
  },

  mask: async (blob) => {
    const own = turn;
    const decoded = await decodeGrayPng(blob);
    checkTurn(own);
    if (size && (size.width !== decoded.width || size.height !== decoded.height)) forgetLevels(); // it is not upright
    mask = decoded;
    layerOf = "";
    size = { width: mask.width, height: mask.height };
    schedule();
    return { ...size, hasPhotograph: levels.length > 0 };
  },

  palette: (colors) => {
    palette.fill(0);
    colors.forEach((color, id) => {
      if (color) new Uint8Array(palette.buffer).set([...color, 255], 4 * id);
    });
    layerOf = "";
    schedule();
  },

  view: (given) => {
    view = given;
    schedule();
  },

  thumbnail: () => {
    const scale = Math.min(THUMBNAIL.width / size.width, THUMBNAIL.height / size.height);
    const small = new OffscreenCanvas(Math.max(1, size.width * scale), Math.max(1, size.height * scale));
    const place = { scale, x: 0, y: 0, cut: small.width / 2, opacity: 0.75 };
    const colors = new OffscreenCanvas(small.width, small.height);
    if (mask) paintMask(colors.getContext("2d"), place);
    paint(small.getContext("2d"), place, colors);
    return small.convertToBlob({ type: "image/jpeg", quality: 0.8 });
  },

  clear: () => {
    forgetLevels();
    [mask, size] = [null, null];
    turn += 1;
    schedule();
  },
};

self.addEventListener("message", async ({ data: { id, action, value } }) => {
  try {
    self.postMessage({ id, value: await actions[action](value) });
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
});

function forgetLevels() {
  for (const { source } of levels) source.close?.();
  levels = [];
}

function checkTurn(own) {
  if (own !== turn) throw new Error("Another photograph has come.");
}

function makeLevels(bitmap) {
  const made = [{ source: bitmap, scale: 1 }];
  for (;;) {
    const { source, scale } = made.at(-1);
    if (Math.min(source.width, source.height) < 2 * SMALLEST) break;
    const half = new OffscreenCanvas(source.width >> 1, source.height >> 1);
    // Half the size, with a pixel between four: bilinear sampling is their mean.
    half.getContext("2d", { willReadFrequently: true }).drawImage(source, 0, 0, half.width, half.height);
    made.push({ source: half, scale: scale / 2 });
  }
  if (bitmap.width * bitmap.height > MOST && made.length > 1) {
    bitmap.close();
    made.shift();
  }
  return made;
}

function schedule() {
  if (isWaiting || !view) return;
  isWaiting = true;
  requestAnimationFrame(() => {
    isWaiting = false;
    draw();
  });
}

function draw() {
  const { width, height, ratio } = view;
  const place = {
    scale: view.scale * ratio,
    x: view.x * ratio,
    y: view.y * ratio,
    cut: view.cut * ratio,
    opacity: view.opacity,
  };
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const wanted = [place.scale, place.x, place.y, w, h].join();
  if (mask && layerOf !== wanted) {
    if (layer.width !== w || layer.height !== h) [layer.width, layer.height] = [w, h];
    paintMask(layerContext, place);
    layerOf = wanted;
  }
  paint(context, place, layer);
}

/** Draws the photograph, and what is right of the cut of a layer with the colors of the mask. */
function paint(target, { scale, x, y, cut, opacity }, colors) {
  const { width, height } = target.canvas;
  target.clearRect(0, 0, width, height);
  if (!size) return;
  const level = levels.findLast((one) => one.scale >= scale) ?? levels[0];
  if (level) {
    target.imageSmoothingEnabled = scale < 3; // beyond, pixels are seen as they are
    target.drawImage(level.source, x, y, scale * size.width, scale * size.height);
  }
  if (!mask || cut >= width) return;
  target.globalAlpha = opacity;
  target.drawImage(colors, cut, 0, width - cut, height, cut, 0, width - cut, height);
  target.globalAlpha = 1;
}

/** Paints the colors of the pixels of the mask that are seen. */
function paintMask(target, { scale, x, y }) {
  const { width, height } = target.canvas;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const [left, right] = [Math.max(0, Math.round(x)), Math.min(width, Math.round(x + scale * size.width))];
  const [top, bottom] = [Math.max(0, Math.round(y)), Math.min(height, Math.round(y + scale * size.height))];
  const columns = Uint32Array.from({ length: Math.max(0, right - left) }, (_, at) =>
    Math.min(size.width - 1, Math.floor((left + at + 0.5 - x) / scale)),
  );
  for (let row = top; row < bottom; row++) {
    const start = Math.min(size.height - 1, Math.floor((row + 0.5 - y) / scale)) * size.width;
    let at = row * width + left;
    for (const column of columns) pixels[at++] = palette[mask.ids[start + column]];
  }
  target.putImageData(image, 0, 0);
}
