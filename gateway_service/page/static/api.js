/** Calls to the gateway, and their errors. */

import { stored } from "./storage.js";

export const KEY = "api-key";
export const MAX_CHARACTERS = 4096; // in one call to /v1/audio/speech

/** An error of the API, or of the connection to it. */
export class ApiError extends Error {
  /**
   * @param {string} kind its words are the string `error.${kind}`, if the code has none.
   * @param {string} [message] the server's message, in English.
   * @param {string} [code] of the API; its words are the string `code.${code}`.
   * @param {string} [param] the field at fault.
   */
  constructor(kind, message = "", code = "", param = "") {
    super(message);
    this.kind = kind;
    this.code = code;
    this.param = param;
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
/** For errors inside a stream, which have a code but no status. */
const KINDS_BY_CODE = new Map([
  ["service_unavailable", "down"],
  ["service_failed", "down"],
  ["service_timeout", "slow"],
  ["queue_full", "busy"],
]);

/**
 * @param {string} path relative to the page.
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} with a status of 2xx.
 * @throws {ApiError}
 */
export async function call(path, options = {}) {
  const headers = new Headers(options.headers);
  const key = stored(KEY);
  if (key) {
    headers.set("Authorization", `Bearer ${key}`);
  }
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    throw isAbort(error) ? error : new ApiError("unreachable");
  }
  if (!response.ok) {
    throw await errorOf(response);
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

/**
 * @param {Response} response with an error status.
 * @returns {Promise<ApiError>}
 */
async function errorOf(response) {
  const kind = KINDS.get(response.status) ?? "other";
  const body = await response.json().catch(() => ({}));
  if (kind === "key") {
    document.dispatchEvent(new Event("keyneeded"));
  }
  const { message, code, param } = body.error ?? {};
  return reported(new ApiError(kind, message, code, param ?? ""));
}

/**
 * Tells the page if a service is down.
 * @param {ApiError} error
 */
function reported(error) {
  if (error.kind === "down") {
    document.dispatchEvent(new CustomEvent("servicedown", { detail: error }));
  }
  return error;
}

/**
 * Reads server-sent events as they arrive.
 * @param {Response} response
 * @returns {AsyncGenerator<any>} the parsed data of each event.
 * @throws {ApiError} for an error event, or if the connection breaks.
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
    throw isAbort(error) ? error : new ApiError("cut");
  }
}

/** @param {string} event */
function dataOf(event) {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  if (lines.length === 0) {
    return null; // a comment, sent to keep the connection open
  }
  const data = JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
  if (data.type === "error") { // a job that failed has a field `error` too
    const { code, message } = data.error;
    throw reported(new ApiError(KINDS_BY_CODE.get(code) ?? "cut", message, code));
  }
  return data;
}
