
"use strict";
document.documentElement.classList.add("js");

// Tables: a click on a heading sorts by that column, numbers from the largest; another click reverses the order.
function sortRows(table, column, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const value = (row) => row.cells[column].dataset.value;
  const rows = [...table.tBodies[0].rows];
  const numeric = rows.every((row) => !Number.isNaN(Number(value(row))));
  const order = numeric ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b, "en", { numeric: true });
  rows.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === "" || right === "") return (left === "") - (right === "");  // empty values come last
    return sign * order(left, right);
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const first = heading.classList.contains("text") ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      const direction = heading.getAttribute("aria-sort") === first ? other : first;
      for (const one of headings) one.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction);
      sortRows(table, column, direction);
    });
  });
}

// Pictures: the left one is shown up to the slider, the right one from there on.
for (const compare of document.querySelectorAll(".compare")) {
  const layers = compare.querySelector(".layers");
  const wipe = compare.querySelector(".wipe");
  const cut = () => layers.style.setProperty("--cut", `${wipe.value}%`);
  const choose = () => {
    const { left, right } = compare.querySelector(".sides input:checked").dataset;
    for (const layer of layers.querySelectorAll(".layer")) {
      layer.classList.toggle("left", layer.classList.contains(left));
      layer.classList.toggle("right", layer.classList.contains(right));
    }
  };
  wipe.addEventListener("input", cut);
  compare.querySelector(".sides").addEventListener("change", choose);
  cut();
  choose();
}

// Confusion matrix: show what a cell means below the matrix, on touch screens too.
const pointed = document.getElementById("pointed");
for (const matrix of document.querySelectorAll(".matrix"))
  for (const event of ["pointerover", "click"])
    matrix.addEventListener(event, ({ target }) => {
      const cell = target.closest("td[title]");
      if (cell) pointed.textContent = cell.title;
    });

// A link into a collapsed section opens it.
window.addEventListener("hashchange", () => {
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details")?.setAttribute("open", "");
});

