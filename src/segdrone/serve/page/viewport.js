/**
 * Where an image is in a box: `scale` in pixels of the box for one of the image, `x` and `y` of its upper left corner.
 * @typedef {{scale: number, x: number, y: number}} Place
 * @typedef {{width: number, height: number}} Size
 */

const LARGEST = 16;

/** Returns the scale at which all of an image is seen. */
export function fitScale(image, box) {
  return Math.min(box.width / image.width, box.height / image.height);
}

/** Returns the place in which all of an image is seen. */
export function fit(image, box) {
  return clamp({ scale: fitScale(image, box), x: 0, y: 0 }, image, box);
}

/** Returns a place after zooming by a factor, at a point that stays where it is. */
export function zoom(place, factor, point, image, box) {
  const least = fitScale(image, box);
  const scale = Math.min(Math.max(place.scale * factor, least), Math.max(LARGEST, least));
  const ratio = scale / place.scale;
  return clamp(
    { scale, x: point.x - ratio * (point.x - place.x), y: point.y - ratio * (point.y - place.y) },
    image,
    box,
  );
}

/** Returns a place after moving the image. */
export function pan(place, dx, dy, image, box) {
  return clamp({ ...place, x: place.x + dx, y: place.y + dy }, image, box);
}

/** Centers an image that is smaller than the box, and leaves no gap beside a larger one. */
function clamp({ scale, x, y }, image, box) {
  const along = (at, room) => (room >= 0 ? room / 2 : Math.min(0, Math.max(room, at)));
  return {
    scale,
    x: along(x, box.width - scale * image.width),
    y: along(y, box.height - scale * image.height),
  };
}
