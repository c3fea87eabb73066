/** Have a photograph predicted: a small one by one request, a large one by a job that reports its windows. */

import { discard, request, requestJson } from "./api.js";
import { parseCsv } from "./csv.js";

const SMALL = 2e6; // pixels
const POLL = 400; // milliseconds
const ACCEPT = {
  masks: "image/png",
  colours: "image/png;profile=colours",
  overlays: "image/jpeg",
  objects: "application/vnd.coco+json",
};

/**
 * What a photograph was predicted as.
 * @typedef {object} Prediction
 * @property {object} answer As `POST /v1/segment` answers in JSON.
 * @property {Blob} mask PNG of class ids.
 * @property {(kind: string) => Promise<Blob>} load A file of one kind, a key of `ACCEPT`.
 * @property {() => void} close Lets the service forget it.
 */

/**
 * Predicts a photograph.
 * @param {Blob} photograph
 * @param {object} query Parameters of the request.
 * @param {number?} pixels Of the photograph; null if unknown.
 * @param {(stage: string, share: number?) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<Prediction>}
 */
export async function predict(photograph, query, pixels, onProgress, signal) {
  const task = { photograph, query, onProgress, signal };
  if (pixels !== null && pixels <= SMALL) return predictNow(task);
  try {
    return await predictAsJob(task);
  } catch (error) {
    if (error.status !== 404 || error.job) throw error;
    return predictNow(task); // the service takes no jobs
  }
}

function upload({ photograph, query, onProgress, signal }, path, accept) {
  const onUpload = (share) =>
    share < 1 ? onProgress(`Uploading, ${Math.round(100 * share)} %`, share) : onProgress("Predicting", null);
  onProgress("Uploading", 0);
  return request("POST", path, { accept, query, body: photograph, onUpload, signal });
}

async function predictNow(task) {
  const load = (kind, signal) =>
    request("POST", "v1/segment", { accept: ACCEPT[kind], query: task.query, body: task.photograph, signal });
  const answer = JSON.parse(await (await upload(task, "v1/segment", "application/json")).text());
  const mask = await load("masks", task.signal);
  return { answer, mask, load: async (kind) => (kind === "masks" ? mask : load(kind)), close: () => {} };
}

async function predictAsJob(task) {
  const { query, onProgress, signal } = task;
  const { spec } = await requestJson("GET", `v1/models/${query.model}`, { signal });
  let job = JSON.parse(await (await upload(task, "v1/jobs", "application/json")).text());
  const path = `v1/jobs/${job.id}`;
  const started = performance.now();
  try {
    while (job.state !== "done") {
      if (job.state === "failed") throw new Error(job.error);
      report(job, onProgress);
      await pause(POLL, signal);
      job = await requestJson("GET", path, { signal });
    }
    const load = (kind) => {
      const file = job.files.find((name) => name.startsWith(`${kind}/`));
      return request("GET", `${path}/files/${encodeURI(file)}`, { accept: "*/*" });
    };
    const seconds = (performance.now() - started) / 1000;
    const summary = await request("GET", `${path}/files/summary.csv`, { accept: "*/*", signal });
    const answer = toAnswer(parseCsv(await summary.text()), spec.classes, job, seconds);
    return { answer, mask: await load("masks"), load, close: () => discard(path) };
  } catch (error) {
    discard(path);
    throw Object.assign(error, { job: job.id });
  }
}

function report(job, onProgress) {
  const { done, total } = job.progress;
  if (job.state === "queued") onProgress("Waiting for a free worker", null);
  else if (total > 0) onProgress(`Window ${done} of ${total}`, done / total);
  else onProgress("Predicting", null);
}

/** Returns the row of a summary in the form of `POST /v1/segment`. */
function toAnswer([columns, cells], { names, colours }, job, seconds) {
  const row = new Map(columns.map((column, index) => [column, cells[index]]));
  return {
    id: job.id,
    model: job.model,
    size: { width: Number(row.get("width")), height: Number(row.get("height")) },
    classes: names.map((name, index) => ({
      name,
      colour: colours[index],
      share: Number(row.get(`share_${name}`)),
      objects: row.has(`objects_${name}`) ? Number(row.get(`objects_${name}`)) : null,
    })),
    no_data: Number(row.get("no_data")),
    confidence: Number(row.get("confidence")),
    captured: row.get("captured") || null,
    seconds: { predicted: Number(seconds.toFixed(4)) },
    digest: row.get("digest"),
  };
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
