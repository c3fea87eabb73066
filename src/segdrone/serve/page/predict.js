/** Have a photograph predicted: a small one at once, a large one by a job that reports its windows. */

import { discard, request, requestJson, ServiceError } from "./api.js";
import { parseCsv } from "./csv.js";

const POLL = 400; // milliseconds
const PATIENCE = 30; // seconds in which a service that does not answer is asked again about a job
const ACCEPT = {
  masks: "image/png",
  colours: "image/png;profile=colours",
  overlays: "image/jpeg",
  regions: "application/geo+json",
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
 * @param {object} task
 * @param {Blob} task.photograph
 * @param {object} task.query Parameters of the request.
 * @param {(stage: string, share: number?) => void} task.onProgress
 * @param {AbortSignal} task.signal
 * @param {boolean} isLarge Whether it is worth a job, which the service takes.
 * @returns {Promise<Prediction>}
 */
export function predict(task, isLarge) {
  return isLarge ? predictAsJob(task) : predictNow(task);
}

/** Sends the photograph, and returns the answer in JSON. */
function upload({ photograph, query, onProgress, signal }, path) {
  const onUpload = (share) =>
    share < 1 ? onProgress(`Uploading, ${Math.round(100 * share)} %`, share) : onProgress("Predicting", null);
  onProgress("Uploading", 0);
  return requestJson("POST", path, { query, body: photograph, onUpload, signal });
}

async function predictNow(task) {
  const answer = await upload(task, "v1/segment");
  const load = (kind) => predictFile(task, kind, answer.model_digest);
  const mask = await load("masks");
  return { answer, mask, load: async (kind) => (kind === "masks" ? mask : load(kind)), close: () => {} };
}

/** Has a file of one kind predicted, by the model of this digest. */
async function predictFile({ query, photograph, signal }, kind, model) {
  const { blob, digest } = await request("POST", "v1/segment", { accept: ACCEPT[kind], query, body: photograph, signal });
  checkSame(digest === model);
  return blob;
}

async function predictAsJob(task) {
  const { query, onProgress, signal } = task;
  const { spec } = await requestJson("GET", `v1/models/${query.model}`, { signal });
  let job = await upload(task, "v1/jobs");
  const path = `v1/jobs/${job.id}`;
  try {
    while (job.state !== "done") {
      if (job.state === "failed") throw new Error(job.error);
      report(job, onProgress);
      await pause(POLL, signal);
      job = await ask(path, signal);
    }
    const loadFile = async (file) => (await request("GET", `${path}/files/${file}`, { accept: "*/*" })).blob;
    const load = (kind) => {
      if (kind === "regions") return predictFile(task, kind, job.model_digest); // jobs have none: they may be large
      return loadFile(job.files.find((name) => name.startsWith(`${kind}/photograph.`)));
    };
    const summary = parseCsv(await (await loadFile("summary.csv")).text());
    const answer = toAnswer(summary, spec.classes, job);
    return { answer, mask: await load("masks"), load, close: () => discard(path) };
  } catch (error) {
    discard(path);
    throw error;
  }
}

/** Returns the state of a job; a network that fails, or a service that starts again, does not cost the job. */
async function ask(path, signal) {
  for (let left = PATIENCE; ; left--) {
    try {
      return await requestJson("GET", path, { signal });
    } catch (error) {
      if (error.status === 404) throw new Error("The service no longer has the job, as after a new start: try again.");
      if (!left || !(error instanceof ServiceError) || ![0, 502, 503, 504].includes(error.status)) throw error;
    }
    await pause(1000, signal);
  }
}

/** Checks that two answers are of one model, whose ids mean the same. */
function checkSame(isSame) {
  if (!isSame) throw new Error("The model was replaced meanwhile: predict again.");
}

function report(job, onProgress) {
  const { done, total } = job.progress;
  if (job.state === "queued") onProgress("Waiting for a free worker", null);
  else if (total > 1) onProgress(`Window ${done} of ${total}`, done / total);
  else onProgress("Predicting", null);
}

/** Returns the row of a summary in the form of `POST /v1/segment`. */
function toAnswer([columns, cells], { names, colours }, job) {
  const row = new Map(columns.map((column, index) => [column, cells[index]]));
  checkSame(columns.filter((column) => column.startsWith("share_")).join() === names.map((name) => `share_${name}`).join());
  return {
    id: job.id,
    model: job.model,
    model_digest: job.model_digest,
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
    seconds: { predicted: (new Date(job.finished) - new Date(job.started)) / 1000 },
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
