/**
 * The voices that were deleted but can still come back. The browser keeps their ids, so that every
 * tab hides them, and a reload too, until the server has deleted them.
 */

import { ApiError } from "./api.js";
import { remove } from "./database.js";
import { store, stored } from "./storage.js";
import { UNDO_SECONDS } from "./undo.js";
import { deleteVoice } from "./voice_calls.js";

export const DELETED = "deleted-voices"; // name of the stored value
/** From then on another tab finishes a deletion: the one that began it is gone. */
const MILLISECONDS = 3 * UNDO_SECONDS * 1000;

/** @type {Record<string, number>} where storage is blocked: times by id. */
let unstored = {};

/** @returns {Record<string, number>} by id, the time from which any tab may finish the deletion. */
function deleted() {
  try {
    return JSON.parse(stored(DELETED) ?? "null") ?? unstored;
  } catch {
    return unstored;
  }
}

/** @param {Record<string, number>} all */
function setDeleted(all) {
  unstored = all;
  store(DELETED, JSON.stringify(all), { persistent: true });
}

export const isDeleted = (/** @type {string} */ id) => id in deleted();

/** @param {string} id of a voice to hide. */
export function hideVoice(id) {
  setDeleted({ ...deleted(), [id]: Date.now() + MILLISECONDS });
}

/** @param {string} id of a voice that comes back, or that the server has no more. */
export function unhideVoice(id) {
  const { [id]: _, ...others } = deleted();
  setDeleted(others);
}

/**
 * Has the server delete a voice that is hidden.
 * @param {string} id
 * @throws {ApiError}
 */
export async function deleteForGood(id) {
  try {
    await deleteVoice(id);
  } catch (error) {
    if (!(error instanceof ApiError && error.kind === "missing")) {
      throw error;
    }
  }
  await remove(["lines"], id);
  unhideVoice(id);
}

/**
 * Finishes the deletions of tabs that were closed.
 * @param {string[]} existing ids of the server's voices.
 */
export async function finishDeletions(existing) {
  for (const [id, time] of Object.entries(deleted())) {
    if (!existing.includes(id)) {
      unhideVoice(id);
    } else if (time < Date.now()) {
      await deleteForGood(id).catch(() => unhideVoice(id)); // shown by the next listing
    }
  }
}
