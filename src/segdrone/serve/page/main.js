/** The page: a photograph comes, is predicted, and its mask is shown. */

import { requestJson, setToken } from "./api.js";
import { download } from "./downloads.js";
import { History } from "./history.js";
import { describe, showLegend } from "./legend.js";
import { predict } from "./predict.js";
import { Viewer } from "./viewer.js";

const LARGE = 2e6; // pixels of a photograph whose windows are reported
const find = (selector) => document.querySelector(selector);
if (!window.DecompressionStream || !HTMLCanvasElement.prototype.transferControlToOffscreen) {
  find("#problem").hidden = false;
  find("#problem p").textContent = "This browser is too old for the page: update it, or use the API.";
}
const viewer = new Viewer(find("#viewer"));
const history = new History(find("#history"));
const options = find("#options");
let photograph = null; // {file, name, size}, whose size is null if the browser cannot show it
let prediction = null;
let running = null; // AbortController
let models = [];
let takesJobs = false;

// What is shown: "choose", "running" or "done".
function setState(state) {
  document.body.dataset.state = state;
  find("#options details").open = state === "choose";
}

function say(text) {
  find("#status").textContent = text;
}

/** Shows what went wrong, and what it takes to go on. */
function showProblem(error, retry = null) {
  const isToken = error.status === 401;
  find("#token").hidden = !isToken;
  find("#problem").hidden = false;
  find("#problem p").textContent = isToken ? "This service needs a token: ask who runs it for one." : error.message;
  const button = find("#problem button");
  button.hidden = !retry || isToken || isFinal(error.status);
  button.onclick = retry;
  find("#token").onsubmit = (event) => {
    event.preventDefault();
    setToken(find("#token input").value.trim());
    hideProblem();
    (retry ?? begin)();
  };
  if (isToken) find("#token input").focus();
}

/** Whether the same request would fail again: for what is wrong with it. */
function isFinal(status) {
  return status >= 400 && status < 500 && ![408, 409, 429].includes(status);
}

function hideProblem() {
  find("#problem").hidden = true;
  find("#token").hidden = true;
}

async function loadModels() {
  const { model } = options.elements;
  ({ models, jobs: takesJobs } = await requestJson("GET", "v1/models"));
  model.replaceChildren(...models.map(({ name }) => new Option(name, name, false, name === model.value)));
  showModel();
}

function showModel() {
  const { classes, things, scores } = models.find(({ name }) => name === options.elements.model.value);
  find("#classes").textContent = `${classes.length} classes: ${classes.join(", ")}.`;
  find("#scores").textContent = describeScores(scores);
  options.elements.objects.disabled = !things.length;
  find("#things").textContent = things.length ? things.join(", ") : "None of the model's classes can be counted.";
}

/** Returns what the model reached on its validation photographs, and the classes to trust least, as sentences. */
function describeScores(scores) {
  if (!scores) return "";
  const range = scores.miou_interval ? ` (${scores.miou_interval.map((value) => value.toFixed(2)).join(" to ")})` : "";
  const weakest = Object.entries(scores.class_ious ?? {}).sort(([, a], [, b]) => a - b).slice(0, 3);
  const named = weakest.map(([name, iou]) => `${name} ${iou.toFixed(2)}`).join(", ");
  const photographs = `On ${scores.photographs} validation photographs it reached a mean IoU of ${scores.miou.toFixed(2)}${range}.`;
  return named ? `${photographs} Lowest: ${named}.` : photographs;
}

function query() {
  const { model, objects, min_area, refine } = options.elements;
  return {
    model: model.value,
    objects: objects.checked && !objects.disabled,
    min_area: min_area.value || 0,
    refine: refine.value || 0,
  };
}

/** Predicts a photograph, or the last one again. */
async function start(file, name) {
  if (!options.checkValidity()) {
    find("#options details").open = true; // else what is wrong is not seen
    options.reportValidity();
    return;
  }
  running?.abort();
  const own = (running = new AbortController());
  if (file !== photograph?.file) photograph = { file, name };
  hideProblem();
  closePrediction();
  find("#name").textContent = name;
  find("#about").textContent = "";
  setState("running");
  showProgress("Opening", null);
  find("#cancel").focus();
  try {
    await checkReadable(file);
    if (!models.length) await loadModels();
    if (own.signal.aborted) return; // another photograph has come
    const size = (photograph.size ??= await viewer.open(file));
    const isLarge = takesJobs && size !== null && size.width * size.height > LARGE;
    const task = { photograph: file, query: query(), onProgress: showProgress, signal: own.signal };
    const result = await predict(task, isLarge);
    if (own.signal.aborted) {
      result.close();
      return;
    }
    prediction = result;
    const hasPhotograph = await viewer.setMask(result.mask);
    if (own.signal.aborted) return; // while the mask was decoded
    if (!hasPhotograph) photograph.size = null; // such as a WebP that EXIF data turn, which browsers leave as it is
    await showResult();
  } catch (error) {
    if (own.signal.aborted) return;
    leave();
    showProblem(error, () => start(file, name));
    if (error.status === 404) await loadModels().catch(() => {}); // the service was started again, with other models
  }
}

/** Checks that a file can be read: sending one that cannot looks as if the network had failed. */
async function checkReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error("The file cannot be read: it is a folder, or has changed since. Choose the photograph again.");
  }
}

let announced = "";

/** Shows how far it is, and says so to screen readers now and then. */
function showProgress(stage, share) {
  find("#stage").textContent = stage;
  const bar = find("#running progress");
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  const step = `${stage.split(/[ ,]/)[0]} ${share === null ? "" : Math.floor(4 * share)}`;
  if (step !== announced) say(stage);
  announced = step;
}

async function showResult() {
  const { answer } = prediction;
  const { width, height } = answer.size;
  const seconds = answer.seconds.predicted;
  find("#about").textContent = [
    `${width} × ${height} pixels`,
    `model ${answer.model}`,
    `mean confidence ${Math.round(100 * answer.confidence)} %`,
    `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`,
    ...(photograph.size ? [] : ["the browser cannot show this photograph: the mask alone is seen"]),
  ].join(" · ");
  showLegend(find("#shares"), answer, (colors) => viewer.setColors(colors));
  find("[data-kind=objects]").hidden = answer.classes.every(({ objects }) => objects === null);
  find("#viewer canvas").setAttribute("aria-label", `Mask over the photograph. ${describe(answer)}`);
  setState("done");
  say(`Done. ${describe(answer)}`);
  find("#name").focus();
  try {
    await history.add(photograph.name, answer, await viewer.thumbnail());
  } catch {
    // a browser may keep nothing
  }
}

function takeFiles(files) {
  if (files.length > 1) showProblem(new Error(`${files.length} files came: give one photograph at a time.`));
  else if (files.length) start(files[0], files[0].name);
}

async function startSample(button) {
  const { src } = button.querySelector("img");
  const answer = await fetch(src).catch(() => null);
  if (answer?.ok) await start(await answer.blob(), `${button.textContent.trim()}.jpg`);
  else showProblem(new Error("The scene cannot be loaded: try again, or give a photograph."));
}

/** Saves a file of the prediction that is shown, which stays if that fails. */
async function save(button) {
  hideProblem();
  button.disabled = true;
  const own = prediction;
  const isOwn = () => own === prediction;
  await download(own, button.dataset.kind, photograph.name).catch((error) => isOwn() && showProblem(error, () => save(button)));
  button.disabled = false;
  if (isOwn() && find("#token").hidden) button.focus();
}

function closePrediction() {
  prediction?.close();
  prediction = null;
}

/** Returns to the choice of a photograph. */
function leave() {
  running?.abort();
  closePrediction();
  photograph = null;
  hideProblem();
  viewer.clear();
  setState("choose");
  say("");
  find("#file").focus();
}

async function begin() {
  setState("choose");
  await loadModels().catch((error) => showProblem(error, begin));
  await history.show();
}

find("#file").addEventListener("change", ({ target }) => {
  takeFiles([...target.files]);
  target.value = ""; // so that the same file can be chosen again
});
document.addEventListener("paste", ({ clipboardData }) => takeFiles([...clipboardData.files]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  takeFiles([...event.dataTransfer.files]);
});
for (const button of document.querySelectorAll("#samples button"))
  button.addEventListener("click", () => startSample(button));
for (const button of document.querySelectorAll("[data-kind]")) button.addEventListener("click", () => save(button));
options.addEventListener("change", showModel);
options.addEventListener("submit", (event) => {
  event.preventDefault();
  if (photograph) start(photograph.file, photograph.name);
});
find("#cancel").addEventListener("click", leave);
find("#another").addEventListener("click", leave);
window.addEventListener("pagehide", () => {
  running?.abort(); // a job that runs is removed too
  closePrediction();
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && photograph) start(photograph.file, photograph.name); // the page was kept, its job was not
});

begin();
