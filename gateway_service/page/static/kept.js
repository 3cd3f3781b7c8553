/**
 * The browser's store of speeches and job texts, in IndexedDB: the last short speeches with their
 * sound, and what jobs were asked for. Where storage is blocked or full, the page's memory takes its
 * place until it is closed. Changes are told to this page and to the other tabs.
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
 * @param {string[]} stores
 * @param {IDBTransactionMode} mode
 * @param {(at: IDBTransaction) => IDBRequest[]} use its requests succeed together, or none does.
 * @returns {Promise<any>} the result of the first request.
 * @throws {DOMException} where storage is blocked or full.
 */
async function within(stores, mode, use) {
  const transaction = (await database()).transaction(stores, mode);
  const [request] = use(transaction);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

const memoryOf = (/** @type {string} */ store) => /** @type {Map<string, any>} */ (memory.get(store));

/** @param {Record<string, any>} values by store. */
async function put(values) {
  const entries = Object.entries(values);
  try {
    await within(Object.keys(values), "readwrite", (at) =>
      entries.map(([store, value]) => at.objectStore(store).put(value)),
    );
    entries.forEach(([store, { id }]) => memoryOf(store).delete(id));
  } catch {
    entries.forEach(([store, value]) => memoryOf(store).set(value.id, value));
  }
}

/**
 * @param {string} store
 * @param {string} id
 */
async function get(store, id) {
  // What could not be stored is newer than what was.
  return memoryOf(store).get(id) ?? within([store], "readonly", (at) => [at.objectStore(store).get(id)]).catch(() => null);
}

/**
 * @param {string[]} stores
 * @param {string} id
 */
async function remove(stores, id) {
  stores.forEach((store) => memoryOf(store).delete(id));
  await within(stores, "readwrite", (at) => stores.map((store) => at.objectStore(store).delete(id))).catch(() => {});
}

/** @returns {Promise<any[]>} the records of `Speech.toRecord`, newest first. */
export async function keptSpeeches() {
  const stored = await within(["speeches"], "readonly", (at) => [at.objectStore("speeches").getAll()]).catch(() => []);
  const byId = new Map(stored.map((/** @type {any} */ record) => [record.id, record]));
  memoryOf("speeches").forEach((record, id) => byId.set(id, record));
  return [...byId.values()].sort((one, other) => other.createdAt - one.createdAt);
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
  const sound = { id: speech.id, samples: speech.track.received.slice(), plots };
  await put({ sounds: sound, speeches: record });
  for (const { id } of (await keptSpeeches()).slice(MAX_SPEECHES)) {
    await forget(id);
  }
  onKept();
  tell("speech", speech.id);
}

/** @param {string} id of a speech. */
export async function forget(id) {
  await remove(["speeches", "sounds"], id);
  tell("gone", id);
}

/**
 * @param {string} id of a job.
 * @param {{input: string, voice: string, speed: number, response_format: string}} spec
 */
export const keepJob = (id, spec) => put({ jobs: { id, spec } });
/** @param {string} id of a job that this browser may have asked for. */
export const keptJob = async (id) => (await get("jobs", id))?.spec ?? null;
/** @param {string} id of a job. */
export const forgetJob = (id) => remove(["jobs"], id);

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
