/** Earlier predictions: a thumbnail and the shares of each, in this browser alone. */

import { chip, element, percent } from "./elements.js";

const STORE = "predictions";
const MOST = 12;

export class History {
  /** @param {HTMLElement} root Of the list and the button that clears it. */
  constructor(root) {
    this.root = root;
    this.list = root.querySelector("ul");
    this.addresses = [];
    root.querySelector("button").addEventListener("click", async () => {
      await this.run("readwrite", (store) => store.clear());
      await this.show();
      root.querySelector("h2").focus();
    });
  }

  /** Adds a prediction, in the place of the oldest one if there are too many. */
  async add(name, answer, thumbnail) {
    const classes = answer.classes.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
    await this.run("readwrite", (store) => store.add({ name, time: Date.now(), model: answer.model, classes, thumbnail }));
    const keys = await this.run("readonly", (store) => store.getAllKeys());
    for (const key of keys.slice(0, -MOST)) await this.run("readwrite", (store) => store.delete(key));
    await this.show();
  }

  /** Shows what is kept; nothing where the browser keeps nothing. */
  async show() {
    const entries = await this.run("readonly", (store) => store.getAll()).catch(() => []);
    for (const address of this.addresses.splice(0)) URL.revokeObjectURL(address);
    this.list.replaceChildren(...entries.reverse().map((entry) => this.card(entry)));
    this.root.hidden = !entries.length && !this.root.contains(document.activeElement);
    this.root.querySelector(".empty").hidden = entries.length > 0;
    this.root.querySelector("button").hidden = !entries.length;
  }

  card({ name, time, model, classes, thumbnail }) {
    const address = URL.createObjectURL(thumbnail);
    this.addresses.push(address);
    const when = new Date(time);
    const shares = classes.map(({ name: text, colour, share, objects }) =>
      element("li", {}, chip(colour), `${text} ${percent(share)}${objects ? `, ${objects}` : ""}`),
    );
    return element(
      "li",
      {},
      element("img", { src: address, alt: "" }),
      element("h3", {}, name),
      element("p", { className: "note" }, `${when.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}, ${model}`),
      element("details", {}, element("summary", {}, `${classes[0]?.name ?? "No class"} ${percent(classes[0]?.share ?? 0)}`), element("ul", {}, ...shares)),
    );
  }

  /** Does something with the store, and returns the result. */
  async run(mode, action) {
    const database = await (this.database ??= openDatabase());
    return promise(action(database.transaction(STORE, mode).objectStore(STORE)));
  }
}

function openDatabase() {
  const request = indexedDB.open("segdrone", 1);
  request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE, { autoIncrement: true }));
  return promise(request);
}

function promise(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
