/**
 * The page's database in the browser, IndexedDB. Where storage is blocked or full, the page's memory
 * takes its place until it is closed.
 */

const NAME = "better-api";
const VERSION = 2;
const STORES = ["speeches", "sounds", "jobs", "lines", "samples"];
/** Held the last two stores before version 2, as values without an id. */
const OLD = "voices";
const OLD_STORES = ["lines", "samples"];

/** @typedef {{id: string} & Record<string, any>} Entry */

/** @type {Promise<IDBDatabase> | undefined} */
let opening;
/** @type {Map<string, Map<string, Entry>>} */
const memory = new Map(STORES.map((store) => [store, new Map()]));

const memoryOf = (/** @type {string} */ store) => /** @type {Map<string, Entry>} */ (memory.get(store));

function database() {
  opening ??= opened();
  return opening;
}

async function opened() {
  const found = await open(NAME, VERSION, (database) => {
    const missing = STORES.filter((store) => !database.objectStoreNames.contains(store));
    missing.forEach((store) => database.createObjectStore(store, { keyPath: "id" }));
  });
  const close = () => (opening = undefined);
  found.onclose = close;
  found.onversionchange = () => {
    found.close(); // a newer page in another tab waits for it
    close();
  };
  await takeOver(found).catch(() => {}); // it is tried again by the next visit
  return found;
}

/**
 * @param {string} name
 * @param {number} version
 * @param {(database: IDBDatabase) => void} upgrade
 * @returns {Promise<IDBDatabase>}
 * @throws {DOMException} where storage is blocked; also while a tab with an older page is open.
 */
function open(name, version, upgrade) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => upgrade(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => {
      reject(new DOMException("", "AbortError"));
      request.onsuccess = () => {
        request.result.close();
        opening = undefined; // the next use opens it
      };
    };
    request.onsuccess = () => resolve(request.result);
  });
}

/**
 * Moves the entries of the old database to this one.
 * @param {IDBDatabase} target
 */
async function takeOver(target) {
  const existing = await indexedDB.databases();
  if (!existing.some(({ name }) => name === OLD)) {
    return;
  }
  const source = await open(OLD, 1, () => {});
  for (const store of OLD_STORES.filter((name) => source.objectStoreNames.contains(name))) {
    const [ids, values] = await Promise.all([
      done(source, [store], "readonly", (at) => [at.objectStore(store).getAllKeys()]),
      done(source, [store], "readonly", (at) => [at.objectStore(store).getAll()]),
    ]);
    const entries = ids.map((/** @type {any} */ id, /** @type {number} */ at) => ({ id, value: values[at] }));
    await done(target, [store], "readwrite", (at) =>
      entries.map((/** @type {Entry} */ entry) => at.objectStore(store).put(entry)),
    );
  }
  source.close();
  indexedDB.deleteDatabase(OLD);
}

/**
 * @param {IDBDatabase} at
 * @param {string[]} stores
 * @param {IDBTransactionMode} mode
 * @param {(at: IDBTransaction) => IDBRequest[]} use its requests succeed together, or none does.
 * @returns {Promise<any>} the result of the first request.
 * @throws {DOMException} where storage is blocked or full.
 */
function done(at, stores, mode, use) {
  return new Promise((resolve, reject) => {
    const transaction = at.transaction(stores, mode);
    const [request] = use(transaction);
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** @param {Record<string, Entry>} entries by store; all are stored, or none is. */
export async function put(entries) {
  const all = Object.entries(entries);
  try {
    await done(await database(), Object.keys(entries), "readwrite", (at) =>
      all.map(([store, entry]) => at.objectStore(store).put(entry)),
    );
    all.forEach(([store, { id }]) => memoryOf(store).delete(id));
  } catch {
    all.forEach(([store, entry]) => memoryOf(store).set(entry.id, entry));
  }
}

/**
 * @param {string} store
 * @param {string} id
 * @returns {Promise<any>} undefined if there is none.
 */
export async function get(store, id) {
  // What could not be stored is newer than what was.
  return memoryOf(store).get(id) ?? read(store, (at) => at.get(id));
}

/**
 * @param {string} store
 * @returns {Promise<any[]>}
 */
export async function getAll(store) {
  const stored = (await read(store, (at) => at.getAll())) ?? [];
  const byId = new Map(stored.map((/** @type {Entry} */ entry) => [entry.id, entry]));
  memoryOf(store).forEach((entry, id) => byId.set(id, entry));
  return [...byId.values()];
}

/**
 * @param {string} store
 * @param {(at: IDBObjectStore) => IDBRequest} use
 */
async function read(store, use) {
  try {
    return await done(await database(), [store], "readonly", (at) => [use(at.objectStore(store))]);
  } catch {
    return undefined;
  }
}

/**
 * @param {string[]} stores
 * @param {string} id
 */
export async function remove(stores, id) {
  stores.forEach((store) => memoryOf(store).delete(id));
  try {
    await done(await database(), stores, "readwrite", (at) =>
      stores.map((store) => at.objectStore(store).delete(id)),
    );
  } catch {
    // nothing is stored where storage is blocked
  }
}
