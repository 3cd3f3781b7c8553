/** Calls to the gateway, and what can go wrong with them. */

import { remembered } from "./remembered.js";

export const KEY = "api-key";
export const MAX_CHARACTERS = 4096; // of one call to /v1/audio/speech

/** An error of the API, or of the way to it. */
export class Problem extends Error {
  /**
   * @param {string} kind a key of the strings is `problem.${kind}`.
   * @param {string} [message] the server's own words, in English.
   */
  constructor(kind, message = "") {
    super(message);
    this.kind = kind;
  }
}

const KINDS = new Map([
  [400, "request"],
  [401, "key"],
  [403, "refused"],
  [404, "missing"],
  [413, "large"],
  [415, "format"],
  [422, "request"],
  [429, "busy"],
  [502, "down"],
  [503, "down"],
  [504, "slow"],
]);
/** Of errors that end a stream; those bear no status. */
const KINDS_BY_CODE = new Map([
  ["service_unavailable", "down"],
  ["service_failed", "down"],
  ["service_timeout", "slow"],
  ["queue_full", "busy"],
]);

/**
 * @param {string} path relative to the page.
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} of status 2xx.
 * @throws {Problem}
 */
export async function call(path, options = {}) {
  const headers = new Headers(options.headers);
  const key = remembered(KEY);
  if (key) {
    headers.set("Authorization", `Bearer ${key}`);
  }
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    throw isAbort(error) ? error : new Problem("unreachable");
  }
  if (!response.ok) {
    throw await problemOf(response);
  }
  return response;
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export function postJson(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** @param {unknown} error */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** @param {Response} response */
async function problemOf(response) {
  const kind = KINDS.get(response.status) ?? "other";
  const body = await response.json().catch(() => ({}));
  if (kind === "key") {
    document.dispatchEvent(new Event("keyneeded"));
  }
  return new Problem(kind, body.error?.message);
}

/**
 * Server-sent events as they arrive.
 * @param {Response} response
 * @returns {AsyncGenerator<any>} the JSON of each event's data.
 * @throws {Problem} for an event that is an error, or when the connection breaks.
 */
export async function* eventsOf(response) {
  const body = /** @type {ReadableStream<any>} */ (response.body);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) {
        return;
      }
      pending += value;
      const parts = pending.split(/\r?\n\r?\n/);
      pending = /** @type {string} */ (parts.pop());
      yield* parts.map(dataOf).filter((data) => data !== null);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** @param {ReadableStreamDefaultReader<string>} reader */
async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    throw isAbort(error) ? error : new Problem("cut");
  }
}

/** @param {string} event */
function dataOf(event) {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  if (lines.length === 0) {
    return null; // a comment that keeps the connection open
  }
  const data = JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
  if (data.error) {
    throw new Problem(KINDS_BY_CODE.get(data.error.code) ?? "cut", data.error.message);
  }
  return data;
}
