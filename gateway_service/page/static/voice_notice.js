/** The notice under the voices, with undo for a deletion. */

import { element } from "./dom.js";
import { setText } from "./language.js";
import { Undo } from "./undo.js";

/** @type {Undo} */
let undo;

export function setUpVoiceNotice() {
  undo = new Undo("voices");
}

/**
 * Takes the place of the notice before, and of its undo.
 * @param {string} key string key; "" for nothing.
 * @param {import("./language.js").Values} [values]
 */
export function tell(key, values) {
  undo.commit();
  setText(element("voices-status"), key, values);
}

/**
 * @param {string} name of what was deleted.
 * @param {import("./undo.js").Deletion} deletion
 */
export function offerUndo(name, deletion) {
  undo.offer(deletion, { name });
}

/** Makes a deletion final. Call it before a voice gets a name: the deleted one may have it. */
export function finishDeletion() {
  return undo.commit();
}
