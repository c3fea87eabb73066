/** The photograph and its mask: zoom, pan, and the slider between them. A worker decodes and draws. */

import { fit, fitScale, pan, zoom } from "./viewport.js";

const STEP = 1.4; // of a button or a key
const STRIDE = 60; // pixels that a key moves
const FINEST = 2; // device pixels per pixel of the page; more is not seen, and takes time

export class Viewer {
  /** @param {HTMLElement} root Of `.stage`, `.tools` and what is in them. */
  constructor(root) {
    this.stage = root.querySelector(".stage");
    this.cut = root.querySelector(".cut");
    this.opacity = root.querySelector("[name=opacity]");
    this.zoomed = root.querySelector(".zoomed");
    this.image = null; // size in pixels
    this.place = null;
    this.hasMask = false;
    this.calls = new Map();
    this.pointers = new Map();
    this.worker = new Worker(new URL("painter.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data: { id, value, error } }) => {
      const { resolve, reject } = this.calls.get(id);
      this.calls.delete(id);
      if (error === undefined) resolve(value);
      else reject(new Error(error));
    });
    const canvas = root.querySelector("canvas").transferControlToOffscreen();
    this.call("start", canvas, [canvas]);
    new ResizeObserver(() => this.resize()).observe(this.stage);
    this.listen(root);
  }

  /** Shows a photograph; returns its size, or null if the browser cannot decode it. */
  async open(photograph) {
    this.hasMask = false;
    this.show(await this.call("open", photograph));
    return this.image;
  }

  /** Puts a mask over the photograph; returns whether that is seen, as the browser decodes it as the service does. */
  async setMask(blob) {
    const { width, height, hasPhotograph } = await this.call("mask", blob);
    this.hasMask = true;
    if (width === this.image?.width && height === this.image.height) this.draw();
    else this.show({ width, height });
    return hasPhotograph;
  }

  /** Sets the color of each class, null for one that is not shown. */
  setColors(colors) {
    this.call("palette", colors);
  }

  /** Returns a small JPEG of photograph and mask. */
  thumbnail() {
    return this.call("thumbnail");
  }

  /** Forgets photograph and mask. */
  clear() {
    this.call("clear");
    this.hasMask = false;
    this.show(null);
  }

  call(action, value, transfer = []) {
    const id = (this.last = (this.last ?? 0) + 1);
    this.worker.postMessage({ id, action, value }, transfer);
    return new Promise((resolve, reject) => this.calls.set(id, { resolve, reject }));
  }

  show(image) {
    this.image = image;
    this.stage.hidden = !image;
    if (!image) return;
    this.stage.style.setProperty("--aspect", image.width / image.height);
    this.place = fit(image, this.box);
    this.draw();
  }

  get box() {
    return { width: Math.max(1, this.stage.clientWidth), height: Math.max(1, this.stage.clientHeight) };
  }

  get isFitted() {
    return this.place.scale <= fitScale(this.image, this.box) * 1.0001;
  }

  resize() {
    if (!this.image) return;
    this.place = this.wasFitted ? fit(this.image, this.box) : pan(this.place, 0, 0, this.image, this.box);
    this.draw();
  }

  zoom(factor, point = { x: this.box.width / 2, y: this.box.height / 2 }) {
    const before = this.place;
    this.place = zoom(before, factor, point, this.image, this.box);
    this.draw();
    return this.place.scale !== before.scale;
  }

  pan(dx, dy) {
    this.place = pan(this.place, dx, dy, this.image, this.box);
    this.draw();
  }

  fit() {
    this.place = fit(this.image, this.box);
    this.draw();
  }

  draw() {
    if (!this.image) return;
    this.wasFitted = this.isFitted;
    this.stage.classList.toggle("movable", !this.wasFitted);
    this.stage.classList.toggle("masked", this.hasMask);
    this.zoomed.textContent = `${Math.round(100 * this.place.scale)} %`;
    this.call("view", {
      ...this.box,
      ...this.place,
      ratio: Math.min(FINEST, window.devicePixelRatio),
      cut: this.cutAt(),
      opacity: this.opacity.value / 100,
    });
  }

  /** Returns where the slider's thumb is, in pixels from the left; the ends show one of the two alone. */
  cutAt() {
    const share = this.cut.value / this.cut.max;
    this.stage.style.setProperty("--cut", share);
    if (share === 0 || share === 1) return share * this.box.width;
    const thumb = parseFloat(getComputedStyle(this.stage).getPropertyValue("--thumb"));
    return thumb / 2 + share * (this.box.width - thumb);
  }

  listen(root) {
    const actions = {
      in: () => this.zoom(STEP),
      out: () => this.zoom(1 / STEP),
      fit: () => this.fit(),
      actual: () => this.zoom(1 / this.place.scale),
    };
    for (const button of root.querySelectorAll("[data-zoom]"))
      button.addEventListener("click", () => actions[button.dataset.zoom]());
    for (const slider of [this.cut, this.opacity]) slider.addEventListener("input", () => this.draw());

    const keys = {
      "+": actions.in,
      "=": actions.in,
      "-": actions.out,
      0: actions.fit,
      1: actions.actual,
      ArrowLeft: () => this.pan(STRIDE, 0),
      ArrowRight: () => this.pan(-STRIDE, 0),
      ArrowUp: () => this.pan(0, STRIDE),
      ArrowDown: () => this.pan(0, -STRIDE),
    };
    this.stage.addEventListener("keydown", (event) => {
      const isOwn = event.target === this.stage && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (!isOwn || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    });

    this.stage.addEventListener(
      "wheel",
      (event) => {
        const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
        const hasZoomed = this.zoom(Math.exp(-pixels / (event.ctrlKey ? 100 : 400)), this.pointOf(event));
        if (hasZoomed || event.ctrlKey) event.preventDefault(); // else the page scrolls
      },
      { passive: false },
    );
    this.stage.addEventListener("dblclick", (event) => this.zoom(STEP * STEP, this.pointOf(event)));
    this.stage.addEventListener("pointerdown", (event) => this.press(event));
    this.stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"])
      this.stage.addEventListener(end, ({ pointerId }) => this.pointers.delete(pointerId));
  }

  press(event) {
    if (event.target === this.cut || event.button !== 0 || !this.image) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.pointOf(event));
  }

  /** Moves the image with one pointer; with two, zooms by their distance. */
  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.pointOf(event);
    this.pointers.set(event.pointerId, now);
    if (this.pointers.size === 1) {
      this.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
    const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.zoom(distance(now) / distance(before), middle);
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  pointOf(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }
}
