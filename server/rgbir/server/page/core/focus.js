/** The focus never falls out of the page: where what had it goes, the nearest thing that is left gets it. */

const FOCUSABLE = 'a[href], button, input, select, textarea, [tabindex]';

/** @param {Element} element */
const takes = (element) => element.isConnected && !element.matches(":disabled") && element.closest("[inert]") === null && element.checkVisibility();

/**
 * The nearest of what was around it that can have the focus, or has something that can; nothing farther out than the view.
 * @param {Element[]} around what held it, from the inside out
 * @returns {HTMLElement | null}
 */
function nearest(around) {
  for (const each of around) {
    if (!takes(each) || each.querySelector("main") !== null) continue;
    const inside = [...each.querySelectorAll(FOCUSABLE)].find((element) => takes(element) && /** @type {HTMLElement} */ (element).tabIndex >= 0);
    if (each.matches("main, [tabindex]")) return /** @type {HTMLElement} */ (each);
    if (inside) return /** @type {HTMLElement} */ (inside);
  }
  return document.querySelector("main");
}

/** @param {Element | null} element */
function outwards(element) {
  const around = [];
  for (let each = element; each && each !== document.body; each = each.parentElement) around.push(each);
  return around;
}

/** Watches over it as long as the page is there. @param {Element} root */
export function keepFocus(root) {
  /** @type {Element[]} */
  let last = [];
  let looks = false;
  document.addEventListener("focusin", (event) => {
    last = outwards(/** @type {Element} */ (event.target));
  });
  // Whoever clicks beside everything wants it nowhere.
  document.addEventListener("pointerdown", (event) => {
    if (/** @type {Element} */ (event.target).closest(FOCUSABLE) === null) last = [];
  });
  const look = () => {
    looks = false;
    const lost = document.activeElement === document.body || document.activeElement === null;
    if (lost && last.length > 0 && !takes(last[0])) nearest(last.slice(1))?.focus();
  };
  new MutationObserver(() => {
    // What goes may have somebody who says where the focus belongs: it is looked after in the next frame.
    if (!looks) requestAnimationFrame(look);
    looks = true;
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "hidden", "inert", "class"] });
}

/** Whether it is on nothing that somebody chose: the page, a view, or what asked. */
export function isIdle() {
  const here = document.activeElement;
  return here === null || here === document.body || here.matches("main, #hits, #go") || !here.checkVisibility();
}
