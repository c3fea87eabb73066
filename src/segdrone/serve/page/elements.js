/** Make elements; texts are never read as HTML. */

/**
 * @param {string} tag
 * @param {object} properties Of the element; `style` and `attributes` are objects of their own.
 * @param {(Node | string)[]} children
 */
export function element(tag, { style = {}, attributes = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(style)) made.style.setProperty(name, value);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Returns a share as a percentage that never rounds to nothing. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return `${(100 * share).toFixed(1)} %`;
}

/** Returns a patch of the color of a class. */
export function chip([red, green, blue]) {
  return element("span", {
    className: "chip",
    style: { "--color": `rgb(${red} ${green} ${blue})` },
    attributes: { "aria-hidden": "true" },
  });
}
