/**
 * The browser's store of voice lines and unsaved samples, in IndexedDB. Where storage is blocked,
 * nothing is kept and nothing fails.
 */

/** @typedef {"lines" | "samples"} Shelf */

const NAME = "voices";
const VERSION = 1;
const SHELVES = ["lines", "samples"];

/** @type {Promise<IDBDatabase> | undefined} */
let database;

function open() {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () =>
      SHELVES.forEach((shelf) => request.result.createObjectStore(shelf));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return database;
}

/**
 * @param {Shelf} shelf
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} use
 * @returns {Promise<any>} undefined where the browser blocks storage, or is out of space.
 */
async function ifAllowed(shelf, mode, use) {
  try {
    const transaction = (await open()).transaction(shelf, mode);
    const request = use(transaction.objectStore(shelf));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } catch {
    return undefined;
  }
}

/**
 * @param {Shelf} shelf
 * @param {string} key
 * @returns {Promise<any>} undefined if nothing is kept.
 */
export function kept(shelf, key) {
  return ifAllowed(shelf, "readonly", (store) => store.get(key));
}

/**
 * @param {Shelf} shelf
 * @param {string} key
 * @param {unknown} value
 */
export function keep(shelf, key, value) {
  return ifAllowed(shelf, "readwrite", (store) => store.put(value, key));
}

/**
 * @param {Shelf} shelf
 * @param {string} key
 */
export function forget(shelf, key) {
  return ifAllowed(shelf, "readwrite", (store) => store.delete(key));
}
