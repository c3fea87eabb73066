/** Requests to the service. Errors are one line: what is wrong, and what to do. */

const ROOT = new URL("../", import.meta.url); // the service may be below a path of a proxy
const TOKEN = "segdrone-token";

/** A request that was not answered as asked. */
export class ServiceError extends Error {
  /** @param {number} status HTTP status; 0 without an answer. @param {string} detail One line. */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Keeps the token of this tab; the browser forgets it with the tab. */
export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/**
 * Sends a request. XMLHttpRequest, since fetch does not report the progress of an upload.
 * @param {string} method
 * @param {string} path Below the service's address.
 * @param {{accept?: string, query?: object, body?: Blob, onUpload?: (share: number) => void, signal?: AbortSignal}} options
 * @returns {Promise<{blob: Blob, digest: string?}>} The answer's body, and the digest of the model that it is of.
 */
export function request(method, path, { accept = "application/json", query = {}, body, onUpload, signal } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const call = new XMLHttpRequest();
    call.open(method, new URL(`${path}?${new URLSearchParams(query)}`, ROOT));
    call.responseType = "blob";
    call.setRequestHeader("Accept", accept);
    const token = sessionStorage.getItem(TOKEN);
    if (token) call.setRequestHeader("Authorization", `Bearer ${token}`);
    if (body) call.setRequestHeader("Content-Type", "application/octet-stream");
    if (onUpload) call.upload.addEventListener("progress", (event) => onUpload(event.loaded / event.total));
    call.addEventListener("load", async () => {
      if (call.status < 300) resolve({ blob: call.response, digest: call.getResponseHeader("X-Model-Digest") });
      else reject(new ServiceError(call.status, await readDetail(call)));
    });
    call.addEventListener("error", () =>
      reject(new ServiceError(0, "The service does not answer: check the network, and that it still runs.")),
    );
    signal?.addEventListener("abort", () => {
      call.abort();
      reject(signal.reason);
    });
    call.send(body);
  });
}

/** As `request`, for an answer in JSON. */
export async function requestJson(method, path, options) {
  return JSON.parse(await (await request(method, path, options)).blob.text());
}

/** Removes what the service keeps; also while the page is being left, when no answer is waited for. */
export function discard(path) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  fetch(new URL(path, ROOT), { method: "DELETE", headers, keepalive: true }).catch(() => {}); // it goes by itself later
}

async function readDetail(call) {
  try {
    const { detail } = JSON.parse(await call.response.text());
    if (typeof detail === "string" && detail) return detail[0].toUpperCase() + detail.slice(1);
  } catch {
    // not of the service, such as the page of a proxy
  }
  return `The service answered ${call.status} ${call.statusText}: try again, or tell who runs it.`;
}
