/** Deletion that can be undone for a while: it is hidden at once, and done later. */

const SECONDS = 10;

/** @typedef {{show: () => void, commit: () => Promise<void>}} Deletion */

/** @type {{deletion: Deletion, timer: number} | null} */
let pending = null;

/**
 * @param {Deletion} deletion show: brings back what the caller has hidden; commit: deletes it, after
 *   some seconds, before the next deletion, or when the page is left.
 */
export function deleteLater(deletion) {
  commitNow();
  pending = { deletion, timer: window.setTimeout(commitNow, SECONDS * 1000) };
}

/** @returns {boolean} whether there was a deletion to undo. */
export function undo() {
  if (!pending) {
    return false;
  }
  clearTimeout(pending.timer);
  const { deletion } = pending;
  pending = null;
  deletion.show();
  return true;
}

function commitNow() {
  if (pending) {
    clearTimeout(pending.timer);
    const { deletion } = pending;
    pending = null;
    deletion.commit();
  }
}

addEventListener("pagehide", commitNow);
