/** Copying. Without HTTPS browsers give a page no clipboard, and they may refuse it. */

/** @param {string} text @returns {Promise<boolean>} whether it is copied */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
