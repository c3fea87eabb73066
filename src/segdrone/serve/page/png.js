/**
 * Decode a mask: an 8-bit gray PNG without interlace.
 *
 * Not by a canvas: browsers that guard against fingerprinting add noise to the pixels that a canvas gives back.
 */

const TEXT = new TextDecoder("latin1");

/**
 * @param {Blob} blob
 * @returns {Promise<{width: number, height: number, ids: Uint8Array}>}
 */
export async function decodeGrayPng(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const data = [];
  let width, height;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = TEXT.decode(bytes.subarray(at + 4, at + 8));
    if (kind === "IHDR") {
      [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      const [depth, color, , , interlace] = bytes.subarray(at + 16, at + 21);
      if (depth !== 8 || color !== 0 || interlace !== 0) throw new Error("The mask is no 8-bit gray PNG.");
    } else if (kind === "IDAT") data.push(bytes.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const rows = new Rows(width, height);
  const reader = new Blob(data).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) rows.add(part.value);
  if (rows.y !== height) throw new Error("The mask is cut: try again.");
  return { width, height, ids: rows.ids };
}

/** Rows of pixels, each after a byte that says how it was filtered (PNG specification, section 9). */
class Rows {
  constructor(width, height) {
    this.width = width;
    this.ids = new Uint8Array(width * height);
    this.y = 0;
    this.line = new Uint8Array(width + 1);
    this.filled = 0;
  }

  add(bytes) {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.line.length - this.filled);
      this.line.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === this.line.length) this.finish();
    }
  }

  finish() {
    const { line, width, ids } = this;
    const start = this.y * width;
    const row = ids.subarray(start, start + width);
    const above = this.y ? ids.subarray(start - width, start) : new Uint8Array(width);
    row.set(line.subarray(1));
    if (line[0] === 1) for (let x = 1; x < width; x++) row[x] += row[x - 1];
    else if (line[0] === 2) for (let x = 0; x < width; x++) row[x] += above[x];
    else if (line[0] === 3) for (let x = 0; x < width; x++) row[x] += ((x ? row[x - 1] : 0) + above[x]) >> 1;
    else if (line[0] === 4)
      for (let x = 0; x < width; x++) row[x] += x ? paeth(row[x - 1], above[x], above[x - 1]) : above[x];
    this.y += 1;
    this.filled = 0;
  }
}

function paeth(left, up, corner) {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
