"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const view = document.getElementById("view"), plane = document.getElementById("plane");
  const canvas = document.getElementById("mask"), context = canvas.getContext("2d", { willReadFrequently: true });
  const opacity = document.getElementById("opacity");
  const boxes = [...document.querySelectorAll("input[data-class]")];
  let scale = 1, x = 0, y = 0, ids = null;

  function place() {
    plane.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    plane.style.imageRendering = scale > 2 ? "pixelated" : "auto";
    const bar = document.getElementById("bar");
    if (!bar) return;
    const wanted = 120 * data.metersPerPixel / scale, power = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= wanted);
    bar.querySelector("i").style.width = `${length / data.metersPerPixel * scale}px`;
    bar.querySelector("span").textContent = length >= 1000 ? `${length / 1000} km` : length >= 1 ? `${length} m` : `${Math.round(length * 100)} cm`;
  }
  function fit() {
    scale = Math.min(view.clientWidth / canvas.width, view.clientHeight / canvas.height);
    x = (view.clientWidth - canvas.width * scale) / 2;
    y = (view.clientHeight - canvas.height * scale) / 2;
    place();
  }
  function zoom(factor, left, top) {
    const next = Math.min(Math.max(scale * factor, 0.02), 40);
    x = left - (left - x) * next / scale;
    y = top - (top - y) * next / scale;
    scale = next;
    place();
  }
  function draw() {
    if (!ids) return;
    const colors = new Uint32Array(256), alpha = Math.round(255 * opacity.value / 100);
    for (const box of boxes) {
      const id = Number(box.dataset.class), [red, green, blue] = data.colors[id];
      if (box.checked) colors[id] = ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    }
    const image = context.createImageData(canvas.width, canvas.height), pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = colors[ids[i]];
    context.putImageData(image, 0, 0);
  }
  async function read() {
    const packed = Uint8Array.from(atob(document.getElementById("ids").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    ids = new Uint8Array(await new Response(stream).arrayBuffer());
    draw();
  }

  const pointers = new Map();
  view.addEventListener("pointerdown", (event) => { view.setPointerCapture(event.pointerId); pointers.set(event.pointerId, event); });
  for (const end of ["pointerup", "pointercancel"]) view.addEventListener(end, (event) => pointers.delete(event.pointerId));
  view.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    const frame = view.getBoundingClientRect();
    if (other) {
      const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY) || 1;
      zoom(apart(event) / apart(before), (event.clientX + other.clientX) / 2 - frame.left, (event.clientY + other.clientY) / 2 - frame.top);
    } else {
      x += event.clientX - before.clientX;
      y += event.clientY - before.clientY;
      place();
    }
    pointers.set(event.pointerId, event);
  });
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    const frame = view.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.25 : 0.8, view.clientWidth / 2, view.clientHeight / 2);
    else if (event.key === "0") fit();
    else if (steps[event.key]) { x += steps[event.key][0]; y += steps[event.key][1]; place(); }
    else return;
    event.preventDefault();
  });
  view.addEventListener("dblclick", fit);
  window.addEventListener("resize", fit);
  opacity.addEventListener("input", draw);
  for (const box of boxes) box.addEventListener("change", draw);
  read().catch(() => { document.querySelector("aside .soft").textContent = "This browser is too old to show the mask: update it."; });
  fit();
})();
