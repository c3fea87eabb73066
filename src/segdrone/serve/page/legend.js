/** The classes of a prediction: their colors, shares and objects, and which of them are shown. */

import { chip, element, percent } from "./elements.js";

/**
 * Fills the legend.
 * @param {HTMLElement} root
 * @param {object} answer Of a prediction.
 * @param {(colors: (number[] | null)[]) => void} onChange Called with the colors that are shown, by class id.
 */
export function showLegend(root, answer, onChange) {
  const classes = answer.classes.map((one, id) => ({ ...one, id }));
  const found = classes.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
  const absent = classes.filter(({ share }) => share === 0).map(({ name }) => name);
  const withObjects = classes.some(({ objects }) => objects !== null);
  const boxes = found.map(({ id }) => element("input", { type: "checkbox", id: `class-${id}`, checked: true, value: id }));

  const change = () => {
    const colors = classes.map(() => null);
    for (const { checked, value } of boxes) if (checked) colors[value] = classes[value].colour;
    onChange(colors);
  };
  const setAll = (checked) => {
    for (const box of boxes) box.checked = checked;
    change();
  };

  const largest = found[0]?.share ?? 1;
  const rows = found.map((one, index) => row(one, boxes[index], largest, withObjects));
  const headings = ["Class", "Share", ...(withObjects ? ["Objects"] : [])];
  root.querySelector("thead").replaceChildren(
    element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text))),
  );
  root.querySelector("tbody").replaceChildren(...rows);
  root.querySelector(".absent").textContent = absent.length ? `Not found: ${absent.join(", ")}.` : "";
  root.querySelector(".no-data").textContent =
    answer.no_data > 0 ? `${percent(answer.no_data)} of the photograph is without data, and in no share.` : "";
  root.querySelector("tbody").onchange = change;
  root.querySelector("[data-all]").onclick = () => setAll(true);
  root.querySelector("[data-none]").onclick = () => setAll(false);
  change();
}

function row({ name, colour, share, objects }, box, largest, withObjects) {
  const label = element("label", { htmlFor: box.id }, box, chip(colour), element("span", {}, name));
  const bar = element("span", {
    className: "bar",
    style: { "--length": share / largest },
    attributes: { "aria-hidden": "true" },
  });
  const cells = [
    element("th", { scope: "row" }, label),
    element("td", { className: "number" }, element("div", { className: "share" }, bar, percent(share))),
  ];
  if (withObjects) cells.push(element("td", { className: "number" }, objects === null ? "" : String(objects)));
  return element("tr", {}, ...cells);
}

/** Returns a sentence with the largest classes and the objects, for those who do not see the mask. */
export function describe({ classes }) {
  const found = classes.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
  const shares = found.slice(0, 5).map(({ name, share }) => `${name} ${percent(share)}`);
  const objects = classes.filter((one) => one.objects).map(({ name, objects: count }) => `${name} ${count}`);
  return `${found.length} classes: ${shares.join(", ")}${found.length > 5 ? ", and others" : ""}.${
    objects.length ? ` Objects: ${objects.join(", ")}.` : ""
  }`;
}
