/**
 * What the browser keeps in IndexedDB: the last short speeches with their sound, and the texts of
 * jobs. Where storage is blocked or full, the page's memory takes its place until it is closed.
 * Changes are told to this page and to the other tabs.
 */

import { Speech } from "./speech.js";

const NAME = "better-api";
const STORES = ["speeches", "sounds", "jobs"];
const MAX_SPEECHES = 50;

/** @type {Promise<IDBDatabase> | undefined} */
let opening;
/** @type {Map<string, Map<string, any>>} */
const memory = new Map(STORES.map((store) => [store, new Map()]));
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(NAME) : null;
/** @type {() => void} */
let onKept = () => {};

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () =>
      STORES.forEach((store) => request.result.createObjectStore(store, { keyPath: "id" }));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

/**
 * @param {string} store
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} use
 * @param {(map: Map<string, any>) => any} otherwise used where the browser has no storage.
 * @returns {Promise<any>}
 */
async function within(store, mode, use, otherwise) {
  try {
    const transaction = (await database()).transaction(store, mode);
    const request = use(transaction.objectStore(store));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } catch {
    return otherwise(/** @type {Map<string, any>} */ (memory.get(store)));
  }
}

const put = (/** @type {string} */ store, /** @type {any} */ value) =>
  within(store, "readwrite", (at) => at.put(value), (map) => map.set(value.id, value));
const get = (/** @type {string} */ store, /** @type {string} */ id) =>
  within(store, "readonly", (at) => at.get(id), (map) => map.get(id));
const remove = (/** @type {string} */ store, /** @type {string} */ id) =>
  within(store, "readwrite", (at) => at.delete(id), (map) => map.delete(id));

/** @returns {Promise<any[]>} the records of `Speech.toRecord`, newest first. */
export async function keptSpeeches() {
  const all = await within("speeches", "readonly", (at) => at.getAll(), (map) => [...map.values()]);
  return all.sort((/** @type {any} */ one, /** @type {any} */ other) => other.createdAt - one.createdAt);
}

/**
 * @param {string} id
 * @returns {Promise<Speech | null>} null if it is not kept any more.
 */
export async function keptSpeech(id) {
  const [record, sound] = await Promise.all([get("speeches", id), get("sounds", id)]);
  return record && sound ? Speech.fromRecord(record, sound) : null;
}

/** @param {Speech} speech */
export async function keep(speech) {
  const record = speech.toRecord();
  const plots = speech.sentences.map((sentence) => sentence.plots);
  await put("sounds", { id: speech.id, samples: speech.track.received.slice(), plots });
  await put("speeches", record);
  for (const { id } of (await keptSpeeches()).slice(MAX_SPEECHES)) {
    await forget(id);
  }
  onKept();
  tell("speech", speech.id);
}

/** @param {string} id of a speech. */
export async function forget(id) {
  await remove("speeches", id);
  await remove("sounds", id);
  tell("gone", id);
}

/**
 * @param {string} id of a job.
 * @param {{input: string, voice: string, speed: number, response_format: string}} spec
 */
export const keepJob = (id, spec) => put("jobs", { id, spec });
/** @param {string} id of a job that this browser may have asked for. */
export const keptJob = async (id) => (await get("jobs", id))?.spec ?? null;
/** @param {string} id of a job. */
export const forgetJob = (id) => remove("jobs", id);

/**
 * Tells the other tabs of this page.
 * @param {"speech" | "job" | "gone" | "hidden" | "shown"} type
 * @param {string} id of the speech or job.
 */
export function tell(type, id) {
  channel?.postMessage({ type, id });
}

/** @param {() => void} listener called after this page has kept a speech. */
export function afterKeeping(listener) {
  onKept = listener;
}

/** @param {(type: string, id: string) => void} listener for what another tab tells. */
export function onTold(listener) {
  channel?.addEventListener("message", ({ data }) => listener(data.type, data.id));
}
